/* Corrupted certificates are refused, even when their seal is made anew; but for those that are
 * proofs all the same.
 *
 * How the two are told apart. The checker finds every offset itself, so that slopes, diagonals and
 * witnesses say how to prove a claim and not that it holds: with other numbers it may still be
 * proved. What a corruption may never change is the claim, which the header states. So a corrupted
 * certificate may be accepted only
 *   - with the claim of the certificate that it was made from (the same digests, label, radius and
 *     budget), which that one proves, or for a louder budget with one that the engine certifies by
 *     itself, and
 *   - with a margin that no noise of the set falls below: margins that random noises attain, as
 *     loud as can be in every sample, are above it.
 * Everything else must be refused. */
#include "tests/cli/attained.h"
#include "tests/cli/forged.h"

#include "base/file.h"

const char *const program = "cli_proof_forged";

enum { WIDTH = 4, CLASSES = 3, NOISES = 200 };
static char budget[32];

static char model[PATH], other_model[PATH], clip[PATH], other_clip[PATH], proof[PATH];
static char *file_data;
static size_t file_size;
static double attained, radius;

/* ---- the corruptions ---- */

typedef enum { REFUSED, HARMLESS, LOUDER } expected; /* or it may be accepted, see above */

typedef struct corruption {
    const char *name;
    expected (*make)(sp_rng *rng, parts *p);
} corruption;

static size_t below(sp_rng *rng, size_t count) {
    return (size_t)sp_rng_uniform(rng, 0.0, (double)count) % count;
}

static const place *any_array(sp_rng *rng, const parts *p) {
    static place list[MOST_ARRAYS];
    const size_t count = list_arrays(list, p);
    return &list[below(rng, count)];
}

static expected flip_bit(sp_rng *rng, parts *p) {
    const place *a = any_array(rng, p);
    double *x = &p->number[a->first + below(rng, a->size)];
    uint64_t bits;
    memcpy(&bits, x, sizeof bits);
    bits ^= (uint64_t)1 << below(rng, 64);
    memcpy(x, &bits, sizeof bits);
    return HARMLESS;
}

static expected scale_array(sp_rng *rng, parts *p) {
    static const double factor[] = {-1.0, 0.0, 0.5, 0.999, 1.001, 2.0, 1e6, 1e-6};
    const place *a = any_array(rng, p);
    const double by = factor[below(rng, 8)];
    for (size_t i = a->first; i < a->first + a->size; i++) {
        p->number[i] *= by;
    }
    return HARMLESS;
}

static expected reorder_array(sp_rng *rng, parts *p) {
    const place *a = any_array(rng, p);
    for (size_t i = a->size; i-- > 1;) {
        const size_t k = below(rng, i + 1);
        const double x = p->number[a->first + i];
        p->number[a->first + i] = p->number[a->first + k];
        p->number[a->first + k] = x;
    }
    return HARMLESS;
}

static expected random_array(sp_rng *rng, parts *p) {
    const place *a = any_array(rng, p);
    for (size_t i = a->first; i < a->first + a->size; i++) {
        p->number[i] = sp_rng_uniform(rng, -3.0, 3.0);
    }
    return HARMLESS;
}

static expected swap_arrays(sp_rng *rng, parts *p) {
    const place a = *any_array(rng, p), b = *any_array(rng, p);
    const size_t size = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < size; i++) {
        const double x = p->number[a.first + i];
        p->number[a.first + i] = p->number[b.first + i];
        p->number[b.first + i] = x;
    }
    return HARMLESS;
}

static expected no_number(sp_rng *rng, parts *p) {
    const double what[] = {NAN, INFINITY, -INFINITY, 1e300};
    const place *a = any_array(rng, p);
    p->number[a->first + below(rng, a->size)] = what[below(rng, 4)];
    return REFUSED;
}

static expected lower_diagonal(sp_rng *rng, parts *p) {
    place list[MOST_ARRAYS];
    (void)list_arrays(list, p);
    const place *a = &list[below(rng, 2) == 0 ? 0 : 2]; /* diagonal, energy */
    assert_true(strcmp(list[0].name, "front/diagonal") == 0 &&
                strcmp(list[2].name, "front/energy") == 0);
    const double by = sp_rng_uniform(rng, 0.0, 0.3);
    for (size_t i = a->first; i < a->first + a->size; i++) {
        p->number[i] *= by;
    }
    return REFUSED;
}

static expected other_label(sp_rng *rng, parts *p) {
    const double label = member(p, "label");
    set_number(p, "label", (double)(((size_t)label + 1 + below(rng, CLASSES - 1)) % CLASSES));
    return REFUSED;
}

static expected smaller_radius(sp_rng *rng, parts *p) {
    set_number(p, "radius", radius * (1.0 - pow(10.0, sp_rng_uniform(rng, -12.0, -1.0))));
    return REFUSED;
}

static expected louder_budget(sp_rng *rng, parts *p) {
    set_number(p, "budget_value", member(p, "budget_value") + sp_rng_uniform(rng, 1e-6, 40.0));
    return REFUSED;
}

/* The whole claim is louder. */
static expected louder_claim(sp_rng *rng, parts *p) {
    const double by = sp_rng_uniform(rng, 0.01, 30.0);
    set_number(p, "budget_value", member(p, "budget_value") + by);
    set_number(p, "radius", radius * pow(10.0, by / 20.0) * (1.0 + 1e-12));
    return LOUDER;
}

static expected wrong_digest(sp_rng *rng, parts *p) {
    static const char *const key[] = {"model_sha256", "recording_sha256", "front_sha256"};
    char word[64];
    snprintf(word, sizeof word, "\"%s\":\"", key[below(rng, 3)]);
    char *at = strstr(p->header, word) + strlen(word) + below(rng, 64);
    *at = *at == '0' ? '1' : '0';
    return REFUSED;
}

static expected wrong_member(sp_rng *rng, parts *p) {
    static const char *const text[][2] = {{"noise", "\"l2\""},
                                          {"property", "\"stays silent\""},
                                          {"property", "\"threshold\""},
                                          {"arithmetic", "\"float32\""},
                                          {"budget_unit", "\"lsb\""},
                                          {"front", "\"front.json\""},
                                          {"samples", "299"},
                                          {"sample_rate", "8001"},
                                          {"frames", "3"},
                                          {"classes", "4"},
                                          {"label", "-1"},
                                          {"label", "0.5"},
                                          {"radius", "null"},
                                          {"radius", "-1"},
                                          {"radius", "1e999"},
                                          {"begin", "1"},
                                          {"begin", "-1"},
                                          {"arrays", "\"front\",\"x\":{\"y\":1"}};
    const size_t i = below(rng, sizeof text / sizeof text[0]);
    set_member(p, text[i][0], text[i][1]);
    return REFUSED;
}

/* A number less, or more, of an array, and sizes that say so. */
static expected wrong_size(sp_rng *rng, parts *p) {
    place list[MOST_ARRAYS];
    const size_t count = list_arrays(list, p), at = below(rng, count);
    const bool less = below(rng, 2) == 0;
    char text[32], name[80];
    snprintf(name, sizeof name, "%s", list[at].name);
    snprintf(text, sizeof text, "%zu", less ? list[at].size - 1 : list[at].size + 1);
    set_member(p, name, text);
    const size_t cut = list[at].first;
    if (less) {
        memmove(p->number + cut, p->number + cut + 1, (p->numbers - cut - 1) * sizeof(double));
        p->numbers--;
    } else {
        memmove(p->number + cut + 1, p->number + cut, (p->numbers - cut) * sizeof(double));
        p->numbers++;
    }
    return REFUSED;
}

/* Arrays under each other's names; a name that nothing asks for. */
static expected wrong_name(sp_rng *rng, parts *p) {
    const place *a = any_array(rng, p);
    char *at = strstr(strstr(p->header, "\"arrays\":{"), a->name);
    at[below(rng, strlen(a->name))] = 'x';
    return REFUSED;
}

static const corruption corruptions[] = {
    {"a bit of a number", flip_bit},
    {"an array scaled", scale_array},
    {"an array reordered", reorder_array},
    {"an array of random numbers", random_array},
    {"two arrays swapped", swap_arrays},
    {"a number that is none", no_number},
    {"a diagonal that is too small", lower_diagonal},
    {"another label", other_label},
    {"a radius below the budget", smaller_radius},
    {"a louder budget", louder_budget},
    {"a louder claim", louder_claim},
    {"another digest", wrong_digest},
    {"another member", wrong_member},
    {"another size", wrong_size},
    {"another name", wrong_name},
};
enum { KINDS = sizeof corruptions / sizeof corruptions[0] };

/* ---- what is true ---- */

static void make_model(char path[PATH], const char *name, uint64_t seed) {
    const sp_test_onnx shape = {.features = SMALL_BANDS,
                                .hidden = WIDTH,
                                .classes = CLASSES,
                                .seed = seed,
                                .front = small_fronts[0]};
    write_model(path, name, &shape);
}

static bool engine_certifies(double decibels) {
    char text[64];
    snprintf(text, sizeof text, "%.17gdB", decibels);
    sp_process process =
        RUN("certify", "--model", model, "--method", "opt", "--budget", text, clip);
    const bool yes = process.code == 0 && strstr(process.out, "certified 1 of 1") != NULL;
    sp_process_clear(&process);
    return yes;
}

static int prepare(void **state) {
    (void)state;
    sp_error err = {0};
    uint64_t seed = 100;
    bool yes = false;
    for (; !yes; seed++) { /* the loudest budget by which a net is certified: little is to spare */
        assert_true(seed < 200);
        make_model(model, "net.onnx", seed);
        write_small_clip(clip, "clip.wav", seed);
        for (int decibels = -30; decibels > -70 && !yes; decibels -= 2) {
            snprintf(budget, sizeof budget, "%ddB", decibels);
            sp_process process = RUN("certify", "--model", model, "--method", "exact", "--budget",
                                     budget, "--proof", proof_folder(), clip);
            yes = process.code == 0 && strstr(process.out, "certified 1 of 1") != NULL;
            sp_process_clear(&process);
        }
    }
    seed--;
    make_model(other_model, "other.onnx", seed + 1000);
    write_small_clip(other_clip, "other.wav", seed + 1000);
    proof_path(proof, clip, budget);
    assert_int_equal(sp_file_read(&err, &file_data, &file_size, proof, 1 << 28), SP_OK);
    parts p;
    take_apart(&p, file_data, file_size);
    radius = member(&p, "radius");
    attained =
        least_attained(model, small_fronts[0], seed, (size_t)member(&p, "label"), radius, NOISES);
    parts_clear(&p);
    return 0;
}

static int clean_up(void **state) {
    (void)state;
    free(file_data);
    return 0;
}

/* ---- the tests ---- */

static void expect_refusal(const sp_process *process, const char *what, uint64_t seed) {
    if ((process->code != 1 && process->code != 2) || sp_process_lines(process->err) != 1) {
        fail_msg("%s (seed %llu) ends with %d: %s%s", what, (unsigned long long)seed, process->code,
                 process->out, process->err);
    }
}

static void sealed_anew_certificates_prove_what_they_say_or_are_refused(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 840 : 45;
    size_t accepted[KINDS] = {0};
    char path[PATH];
    for (size_t k = 0; k < rounds; k++) {
        const corruption *c = &corruptions[k % KINDS];
        sp_rng rng;
        parts p;
        sp_rng_init(&rng, seed + k);
        take_apart(&p, file_data, file_size);
        const expected what = c->make(&rng, &p);
        seal(path, &p);
        sp_process process = check_proof(model, clip, NULL, path, "1");
        if (process.code != 0 || what == REFUSED) {
            expect_refusal(&process, c->name, seed + k);
        } else {
            const double margin = number_behind(process.out, "margin ");
            const bool true_claim =
                what == HARMLESS || engine_certifies(member(&p, "budget_value"));
            if (!true_claim || !(margin <= attained * (1.0 + 1e-5))) {
                fail_msg("%s (seed %llu) is accepted: %s; %g is attained", c->name,
                         (unsigned long long)(seed + k), process.out, attained);
            }
            accepted[k % KINDS]++;
        }
        sp_process_clear(&process);
        parts_clear(&p);
    }
    for (size_t i = 0; i < KINDS; i++) {
        if (accepted[i] > 0) {
            print_message("%s: %zu of %zu still prove the claim\n", corruptions[i].name,
                          accepted[i], rounds / KINDS);
        }
    }
}

/* Flipped bits, lost ends and reordered parts under the seal as it was. */
static void seals_hold_every_byte(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 200 : 12;
    char path[PATH], *copy = malloc(file_size);
    assert_non_null(copy);
    sp_rng rng;
    sp_rng_init(&rng, seed);
    for (size_t k = 0; k < rounds; k++) {
        size_t at = below(&rng, file_size - 128), length = file_size;
        memcpy(copy, file_data, file_size);
        if (k % 4 == 3) {
            length = at + 1;
        } else if (k % 4 == 2) {
            memcpy(copy + at, file_data + at + 64, 64);
            memcpy(copy + at + 64, file_data + at, 64);
        } else {
            at = below(&rng, file_size);
            copy[at] = (char)(copy[at] ^ (1 << (k / 4 % 8)));
        }
        if (length == file_size && memcmp(copy, file_data, file_size) == 0) {
            continue;
        }
        write_bytes(path, "damaged.proof", copy, length);
        sp_process process = check_proof(model, clip, NULL, path, "1");
        expect_refusal(&process, "damage", seed);
        sp_process_clear(&process);
    }
    free(copy);
}

static void certificates_of_something_else_are_refused(void **state) {
    (void)state;
    sp_process process = check_proof(other_model, clip, NULL, proof, "1");
    expect_refusal(&process, "another model", 0);
    sp_process_clear(&process);
    process = check_proof(model, other_clip, NULL, proof, "1");
    expect_refusal(&process, "another clip", 0);
    sp_process_clear(&process);
    process = check_proof(model, clip, NULL, proof, "1");
    expect_code(&process, 0);
    assert_true(number_behind(process.out, "margin ") <= attained * (1.0 + 1e-5));
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_of_something_else_are_refused),
        cmocka_unit_test(seals_hold_every_byte),
        cmocka_unit_test(sealed_anew_certificates_prove_what_they_say_or_are_refused),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
