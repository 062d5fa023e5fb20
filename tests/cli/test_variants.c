/* Methods on other front ends and with fewer symbols; budgets of which samples have shares. */
#include <unistd.h>

#include "base/npy.h"
#include "tests/cli/command.h"

const char *const program = "cli_variants";
static toy t;

static int prepare(void **state) {
    (void)state;
    make_toy(&t);
    return 0;
}

#define MODEL "--model", t.model, "--front", t.front

static double number_behind(const char *text, const char *key) {
    const char *at = strstr(text, key);
    if (!at) {
        fail_msg("no %s in %s", key, text);
        return NAN;
    }
    return strtod(at + strlen(key), NULL);
}

/* NAME@FRONT is the method on that front end: what --front-relax makes of it. */
static void methods_on_other_front_ends(void **state) {
    (void)state;
    sp_process apart = RUN("certify", MODEL, "--method", "deepcert", "--front-relax", "joint",
                           "--budget", "-70dB", "--json", t.clip[0]);
    sp_process joined = RUN("compare", MODEL, "--methods", "deepcert@joint,deepcert", "--no-attack",
                            "--budget", "-70dB", "--json", t.clip[0]);
    expect_code(&apart, 0);
    expect_code(&joined, 0);
    assert_non_null(strstr(joined.out, "\"method\":\"deepcert@joint\""));
    assert_non_null(strstr(joined.out, "\"method\":\"deepcert\""));
    assert_non_null(strstr(apart.out, "\"front_relax\":\"joint\""));
    assert_true(number_behind(apart.out, "\"margin\":") ==
                number_behind(joined.out, "\"margin\":"));
    sp_process_clear(&apart);
    sp_process_clear(&joined);
}

/* NAME/K is the method with --symbols K. */
static void methods_with_fewer_symbols(void **state) {
    (void)state;
    sp_process one = RUN("certify", MODEL, "--method", "zono", "--symbols", "100", "--budget",
                         "-75dB", "--json", t.clip[0]);
    sp_process both = RUN("compare", MODEL, "--methods", "zono,zono/100,zono/1000000,hybrid/100@r2",
                          "--no-attack", "--budget", "-75dB", "--json", t.clip[0]);
    expect_code(&one, 0);
    expect_code(&both, 0);
    assert_non_null(strstr(both.out, "\"method\":\"hybrid/100@r2\""));
    static const char *const names[3] = {"\"zono\"", "\"zono/100\"", "\"zono/1000000\""};
    double margin[3];
    for (int i = 0; i < 3; i++) {
        const char *line = strstr(both.out, names[i]);
        assert_non_null(line);
        margin[i] = number_behind(line, "\"margin\":");
    }
    assert_true(margin[1] < margin[0] && margin[2] == margin[0]);
    assert_true(number_behind(one.out, "\"margin\":") == margin[1]);
    sp_process_clear(&one);
    sp_process_clear(&both);
}

/* ---- profiles ---- */

/* A share for each of so many frames: the first half of them. */
static void write_shares(char path[PATH], const char *name, size_t frames, double share) {
    double *shares = calloc(frames, sizeof *shares);
    assert_non_null(shares);
    for (size_t i = 0; i < frames / 2; i++) {
        shares[i] = share;
    }
    file_in(path, name);
    assert_int_equal(sp_npy_write(NULL, path, shares, 1, frames), SP_OK);
    free(shares);
}

static size_t frames_of(const char *clip) {
    sp_process process =
        RUN("certify", MODEL, "--method", "ibp", "--budget", "-90dB", "--json", clip);
    const double frames = number_behind(process.out, "\"frames\":");
    sp_process_clear(&process);
    return (size_t)frames;
}

/* Every command that takes budgets takes shares of them: tables and JSON say so, and less noise has
 * wider margins and louder edges. */
static void every_command_takes_a_profile(void **state) {
    (void)state;
    char shares[PATH], page[PATH];
    write_shares(shares, "half.npy", frames_of(t.clip[0]), 1.0);
    file_in(page, "profile.html");
    const char *const commands[][10] = {
        {"certify", "--budget", "-75dB"},
        {"radius", "--tol", "5"},
        {"attack", "--budget", "-60dB"},
        {"compare", "--budget", "-75dB", "--methods", "exact"},
        {"report", "--tol", "5", "--html", page},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        for (int json = 0; json < 2; json++) {
            const char *list[24];
            size_t count = 0;
            for (; commands[i][count]; count++) {
                list[count] = commands[i][count];
            }
            for (const char *const *more =
                     (const char *const[]){MODEL, "--profile", shares, t.clip[0],
                                           json ? "--json" : NULL, NULL};
                 *more; more++) {
                list[count++] = *more;
            }
            list[count] = NULL;
            sp_process process = run_list(list);
            expect_code(&process, 0);
            assert_non_null(strstr(process.out, json ? "\"profile\":true" : "--profile "));
            sp_process_clear(&process);
        }
    }
    sp_process whole = RUN("certify", MODEL, "--budget", "-75dB", "--json", t.clip[0]);
    sp_process half =
        RUN("certify", MODEL, "--budget", "-75dB", "--json", "--profile", shares, t.clip[0]);
    assert_null(strstr(whole.out, "\"profile\""));
    assert_true(number_behind(half.out, "\"margin\":") > number_behind(whole.out, "\"margin\":"));
    assert_true(number_behind(half.out, "\"snr_db\":") > number_behind(whole.out, "\"snr_db\":"));
    sp_process_clear(&whole);
    sp_process_clear(&half);
}

/* A journal does not take the results of a profile of the same name with other shares. */
static void journals_know_the_shares(void **state) {
    (void)state;
    char shares[PATH], journal[PATH];
    const size_t frames = frames_of(t.clip[0]);
    double margin[3];
    file_in(journal, "shares.journal");
    unlink(journal);
    for (int i = 0; i < 3; i++) {
        write_shares(shares, "changing.npy", frames, i == 1 ? 0.5 : 1.0);
        sp_process process = RUN("certify", MODEL, "--budget", "-70dB", "--json", "--profile",
                                 shares, "--journal", journal, t.clip[0]);
        expect_code(&process, 0);
        margin[i] = number_behind(process.out, "\"margin\":");
        assert_non_null(strstr(process.out, "\"profile\":true"));
        sp_process_clear(&process);
    }
    assert_true(margin[1] > margin[0] && margin[2] == margin[0]);
}

static void bad_profiles_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {{"[0, 3]", "from 0 to 1"}, {"{}", "no list"}, {"[0, 0]", "no share"}};
    char path[PATH];
    for (size_t i = 0; i < 3; i++) {
        write_text(path, "bad.json", cases[i].text);
        sp_process process =
            RUN("certify", MODEL, "--budget", "-70dB", "--profile", path, t.clip[0]);
        expect_code(&process, 2);
        expect_complaint(&process, 1, cases[i].why);
        sp_process_clear(&process);
    }
    write_text(path, "short.json", "[1, 1, 1]");
    sp_process process = RUN("certify", MODEL, "--budget", "-70dB", "--profile", path, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "the profile has 3 shares");
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_on_other_front_ends),
        cmocka_unit_test(methods_with_fewer_symbols),
        cmocka_unit_test(every_command_takes_a_profile),
        cmocka_unit_test(journals_know_the_shares),
        cmocka_unit_test(bad_profiles_are_refused),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
