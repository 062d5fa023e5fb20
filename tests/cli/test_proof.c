/* What certify --proof writes is accepted by soundproof-check, and nothing else is. */
#include "tests/cli/proofs.h"

#include "base/digest.h"
#include "base/file.h"

const char *const program = "cli_proof";
static toy t;
static char folder[PATH], proof[PATH], certified[PATH], other[PATH];

static int prepare(void **state) {
    (void)state;
    make_toy(&t);
    file_in(folder, "proofs");
    return 0;
}

static void expect_answer(const char *clip, const char *file, int code, const char *word) {
    sp_process process = check_proof(t.with_front, clip, NULL, file, "1");
    expect_code(&process, code);
    if (!strstr(code == 0 ? process.out : process.err, word)) {
        fail_msg("no '%s' in: %s%s", word, process.out, process.err);
    }
    sp_process_clear(&process);
}

static void read_proof(char **data, size_t *size) {
    sp_error err;
    assert_int_equal(sp_file_read(&err, data, size, proof, 1 << 28), SP_OK);
}

/* The certificate with this text in the place of that one, and a checksum that fits. */
static const char *forged(char path[PATH], const char *text, const char *instead) {
    size_t size = 0;
    char *data = NULL, sum[SP_DIGEST_TEXT];
    read_proof(&data, &size);
    const size_t body = size - SP_DIGEST_TEXT, old = strlen(text), new = strlen(instead);
    char *at = strstr(data, text), *made = malloc(body + new + SP_DIGEST_TEXT);
    assert_non_null(at);
    assert_non_null(made);
    const size_t before = (size_t)(at - data), after = body - before - old;
    memcpy(made, data, before);
    memcpy(made + before, instead, new);
    memcpy(made + before + new, at + old, after);
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, made, before + new + after);
    assert_int_equal(sp_digest_finish(digest, sum), SP_OK);
    memcpy(made + before + new + after, sum, SP_DIGEST_TEXT - 1);
    made[before + new + after + SP_DIGEST_TEXT - 1] = '\n';
    write_bytes(path, "forged.proof", made, before + new + after + SP_DIGEST_TEXT);
    free(made);
    free(data);
    return path;
}

static void certificates_are_accepted(void **state) {
    (void)state;
    size_t written = 0;
    for (int i = 0; i < CLIPS; i++) {
        sp_process process = RUN("certify", "--model", t.with_front, "--method", "exact",
                                 "--budget", "-90dB", "--proof", folder, t.clip[i]);
        expect_code(&process, 0);
        const bool yes = strstr(process.out, "certified 1 of 1") != NULL;
        sp_process_clear(&process);
        const char *name = strrchr(t.clip[i], '/') + 1;
        char path[3 * PATH];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        strcpy(strrchr(path, '.'), "_-90dB.proof");
        FILE *file = fopen(path, "rb");
        assert_int_equal(file != NULL, yes);
        if (yes) {
            fclose(file);
            expect_answer(t.clip[i], path, 0, "accepted");
            strcpy(proof, path);
            strcpy(certified, t.clip[i]);
            strcpy(other, t.clip[(i + 1) % CLIPS]);
            written++;
        }
    }
    assert_true(written > 0);
}

static void certificates_bind_the_description_in_a_file(void **state) {
    (void)state;
    char file[PATH];
    sp_process process = RUN("certify", "--model", t.model, "--front", t.front, "--method", "exact",
                             "--budget", "-90dB", "--proof", folder, certified);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = check_proof(t.model, certified, t.front, proof, "1");
    expect_code(&process, 0);
    sp_process_clear(&process);
    write_text(file, "other.json", "{}");
    process = check_proof(t.model, certified, file, proof, "1");
    expect_code(&process, 1);
    sp_process_clear(&process);
    process = RUN("certify", "--model", t.with_front, "--method", "exact", "--budget", "-90dB",
                  "--proof", folder, certified);
    expect_code(&process, 0);
    sp_process_clear(&process);
}

static void certificates_of_other_claims_are_refused(void **state) {
    (void)state;
    char path[PATH];
    expect_answer(certified, forged(path, "\"method\"", "\"method\""), 0, "accepted");
    for (int label = 0; label < 3; label++) {
        char instead[32], as[32];
        size_t size = 0;
        char *data = NULL;
        read_proof(&data, &size);
        const char *at = strstr(data, "\"label\":");
        snprintf(as, sizeof as, "\"label\":%c", at[8]);
        snprintf(instead, sizeof instead, "\"label\":%d", label);
        free(data);
        if (strcmp(as, instead) != 0) {
            expect_answer(certified, forged(path, as, instead), 1, "margin");
        }
    }
    expect_answer(certified, forged(path, "\"budget_value\":-90", "\"budget_value\":-50"), 1,
                  "budget");
    expect_answer(certified, forged(path, "\"radius\":", "\"radius\":5000, \"x\":"), 1, "refused");
    expect_answer(certified, forged(path, "\"label\":", "\"label\":9"), 1, "header");
    expect_answer(certified, forged(path, "\"noise\":\"box\"", "\"noise\":\"l2\""), 1, "budget");
    expect_answer(certified, forged(path, "\"noise\":\"box\"", "\"noise\":\"l3\""), 1, "noise");
    expect_answer(certified, forged(path, "/ig\"", "/i\""), 1, "refused");
    expect_answer(certified, forged(path, "\"arithmetic\":\"real\"", "\"arithmetic\":\"float\""), 1,
                  "arithmetic");
    expect_answer(other, proof, 1, "recording");
}

static void radius_leaves_one_of_the_edge(void **state) {
    (void)state;
    char path[3 * PATH];
    const char *name = strrchr(certified, '/') + 1;
    sp_process process = RUN("radius", "--model", t.with_front, "--method", "opt", "--tol", "3",
                             "--starts", "1", "--steps", "5", "--proof", folder, certified);
    expect_code(&process, 0);
    sp_process_clear(&process);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    strcpy(strrchr(path, '.'), "_radius.proof");
    expect_answer(certified, path, 0, "box");
    process = RUN("radius", "--model", t.with_front, "--norm", "1", "--tol", "3", "--starts", "1",
                  "--steps", "5", "--proof", folder, certified);
    expect_code(&process, 0);
    sp_process_clear(&process);
    expect_answer(certified, path, 0, "l1");
    process = RUN("radius", "--model", t.with_front, "--method", "exact", "--burst", "2", "--proof",
                  folder, certified);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "--burst");
    sp_process_clear(&process);
}

static void what_certificates_do_not_know_is_said(void **state) {
    (void)state;
    sp_process process = RUN("certify", "--model", t.with_front, "--method", "zono", "--budget",
                             "-90dB", "--proof", folder, certified);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "--method exact");
    sp_process_clear(&process);
    process = check_proof(t.with_front, certified, NULL, certified, "1");
    expect_code(&process, 2);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_accepted),
        cmocka_unit_test(certificates_bind_the_description_in_a_file),
        cmocka_unit_test(certificates_of_other_claims_are_refused),
        cmocka_unit_test(radius_leaves_one_of_the_edge),
        cmocka_unit_test(what_certificates_do_not_know_is_said),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
