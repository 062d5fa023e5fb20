/* onnxruntime in float32 stays within the terms of float32 programs: the shipped models on every
 * test clip, and random networks. */
#include "lstm/single/single.h"
#include "tests/onnx/onnxruntime.h"
#include "tests/onnx/written.h"

enum { DIGITS = 10, NETS = 500 };

/* Terms of the outputs of a net whose input lies at these numbers, and behind them of the outputs
 * less output `other`.   O term [2, classes] */
static void terms_at(const sp_net *net, const double *features, size_t frames,
                     const sp_single_program *program, size_t other, double *term) {
    const size_t count = frames * net->features, C = net->classes;
    double *memory = calloc(2 * count + 2 * C * C + 2 * C, sizeof *memory);
    assert_non_null(memory);
    memcpy(memory, features, count * sizeof *memory);
    double *rows = memory + 2 * count, *lower = rows + 2 * C * C;
    for (size_t k = 0; k < C; k++) {
        rows[k * C + k] = rows[(C + k) * C + k] = 1.0;
        rows[(C + k) * C + other] -= 1.0;
    }
    const sp_front_bound front = {.rule = SP_FRONT_INTERVAL,
                                  .frames = frames,
                                  .bands = net->features,
                                  .features = net->features,
                                  .lo_w = memory + count,
                                  .up_w = memory + count,
                                  .lo_c = memory,
                                  .up_c = memory,
                                  .lo = memory,
                                  .hi = memory,
                                  .feature_lo = memory,
                                  .feature_hi = memory};
    const sp_front_bound *const fronts[] = {&front};
    const sp_bound_task task = {.net = net, .fronts = fronts, .clips = 1};
    const sp_domain *domain = &sp_domain_interval;
    sp_error err = {0};
    void *bounds = NULL;
    assert_int_equal(domain->create(&err, &bounds, &task, NULL), SP_OK);
    assert_int_equal(domain->margins(&err, bounds, lower, NULL, rows, 2 * C), SP_OK);
    if (sp_single_terms(&err, term, program, net, &front, domain, bounds, rows, 2 * C, 0.0) !=
        SP_OK) {
        fail_msg("%s", err.text);
    }
    domain->destroy(bounds);
    free(memory);
}

static double *read_logits(const char *path, size_t count) {
    double *logits = malloc(count * sizeof *logits);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_non_null(logits);
    assert_int_equal(fread(logits, sizeof *logits, count, file), count);
    assert_int_equal(fclose(file), 0);
    return logits;
}

/* What of a term a runtime used, and how large terms are. */
typedef struct figures {
    size_t clips;
    double used, share[MOST_CLIPS]; /* share: the term of the closest margin over that margin */
} figures;

static size_t largest(const double *real, size_t classes) {
    size_t best = 0;
    for (size_t k = 0; k < classes; k++) {
        best = real[k] > real[best] ? k : best;
    }
    return best;
}

static void compare_clip(const sp_net *net, const double *real, const double *theirs,
                         const double *term, figures *f) {
    const size_t best = largest(real, net->classes);
    const double *apart = term + net->classes; // of the outputs less the largest one
    double share = 0.0;
    for (size_t k = 0; k < net->classes; k++) {
        const double d = fabs(theirs[k] - real[k]);
        if (!(d <= term[k] + 1e-12 * fabs(real[k]))) {
            fail_msg("onnxruntime gives %.9g, real arithmetic %.9g; the term is %g", theirs[k],
                     real[k], term[k]);
        }
        f->used = fmax(f->used, d / term[k]);
    }
    for (size_t k = 0; k < net->classes; k++) {
        const double lead = real[best] - real[k], moved = theirs[best] - theirs[k] - lead;
        if (k != best && !(fabs(moved) <= apart[k] + 1e-12 * fabs(real[best]))) {
            fail_msg("onnxruntime moves a margin by %g, the term is %g", moved, apart[k]);
        }
        share = k != best ? fmax(share, apart[k] / lead) : share;
    }
    f->share[f->clips++] = share;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *what, figures *f) {
    qsort(f->share, f->clips, sizeof f->share[0], by_size);
    print_message("%s: %zu clips, onnxruntime used at most %.3f of a term; terms over the clean "
                  "margin: median %.1e, of nine in ten below %.1e, largest %.1e\n",
                  what, f->clips, f->used, f->share[f->clips / 2], f->share[f->clips * 9 / 10],
                  f->share[f->clips - 1]);
}

/* ---- shipped models ---- */

/* Half of the clips have terms below 1e-3 of the clean margin. */
static void check_model(const char *interpreter, const char *path) {
    static const char *const speakers[] = {"jackson", "nicolas", "theo", "yweweler"};
    static figures f;
    static batch b;
    static double *exact[MOST_CLIPS];
    char features[512], logits[512], jobs[512];
    sp_error err = {0};
    sp_model model;
    sp_front *front = NULL;
    sp_single_program program = SP_SINGLE_STANDARD;
    if (sp_model_read(&err, &model, path) != SP_OK ||
        sp_front_parse(&err, &front, model.front, strlen(model.front), path) != SP_OK ||
        sp_model_single(&err, &model, &program.biases) != SP_OK) {
        fail_msg("%s", err.text);
    }
    memset(&f, 0, sizeof f);
    b.width = model.net.features;
    for (size_t i = 0; i < 200; i++) {
        char name[64];
        size_t steps = 0;
        snprintf(name, sizeof name, "fsdd/%zu_%s_%zu.wav", i / 20, speakers[i / 5 % 4], i % 5);
        double *numbers = features_of(front, name, &steps);
        if (numbers) {
            exact[b.clips] = numbers;
            batch_add(&b, numbers, steps);
        }
    }
    if (b.clips == 0) {
        print_message("the clips of FSDD are absent: set SOUNDPROOF_DATA\n");
        skip();
    }
    sp_test_scratch("single.features", features, sizeof features);
    sp_test_scratch("single.logits", logits, sizeof logits);
    sp_test_scratch("single.jobs", jobs, sizeof jobs);
    batch_write(&b, features);
    FILE *file = fopen(jobs, "w");
    assert_non_null(file);
    fprintf(file, "%s\t%s\t%s\tT,1,%zu\n", path, features, logits, b.width);
    assert_int_equal(fclose(file), 0);
    run_jobs(interpreter, jobs);
    double *theirs = read_logits(logits, b.clips * DIGITS);
    for (size_t i = 0; i < b.clips; i++) {
        double real[DIGITS], term[2 * DIGITS];
        assert_int_equal(sp_net_run(&err, &model.net, real, exact[i], b.steps[i]), SP_OK);
        terms_at(&model.net, exact[i], b.steps[i], &program, largest(real, DIGITS), term);
        compare_clip(&model.net, real, theirs + i * DIGITS, term, &f);
        free(exact[i]);
    }
    tell(path, &f);
    assert_true(f.share[f.clips / 2] <= 1e-3);
    free(theirs);
    batch_clear(&b);
    sp_front_destroy(front);
    sp_model_clear(&model);
}

static void shipped_models_stay_within_their_terms(void **state) {
    (void)state;
    const char *interpreter = python();
    check_model(interpreter, "examples/models/fsdd-certified.onnx");
    check_model(interpreter, "examples/models/fsdd-lstm.onnx");
    check_model(interpreter, "examples/models/fsdd-plain.onnx");
    check_model(interpreter, "examples/models/fsdd-loud.onnx");
}

/* ---- random networks ---- */

static void write_random(sp_rng *rng, size_t i, batch *b, FILE *jobs, char *model, char *logits) {
    char name[64], features[512];
    sp_net net;
    written_net(rng, &net, written_stacks[i % WRITTEN]);
    snprintf(name, sizeof name, "single/%zu.onnx", i);
    sp_test_scratch(name, model, 512);
    snprintf(name, sizeof name, "single/%zu.features", i);
    sp_test_scratch(name, features, sizeof features);
    snprintf(name, sizeof name, "single/%zu.logits", i);
    sp_test_scratch(name, logits, 512);
    assert_int_equal(sp_model_write(NULL, model, &net, NULL, 0), SP_OK);
    b->width = net.features;
    double numbers[12 * 8];
    const size_t steps = 1 + sp_rng_below(rng, 12);
    om_random(rng, numbers, steps * net.features);
    batch_add(b, numbers, steps);
    batch_write(b, features);
    fprintf(jobs, "%s\t%s\t%s\tT,1,%zu\n", model, features, logits, net.features);
    sp_net_clear(&net);
}

static void random_networks_stay_within_their_terms(void **state) {
    (void)state;
    const char *interpreter = python();
    static batch batches[NETS];
    static char models[NETS][512], logits[NETS][512];
    static figures f;
    char jobs[512];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    sp_test_scratch("single.jobs", jobs, sizeof jobs);
    FILE *file = fopen(jobs, "w");
    assert_non_null(file);
    for (size_t i = 0; i < NETS; i++) {
        write_random(&rng, i, &batches[i], file, models[i], logits[i]);
    }
    assert_int_equal(fclose(file), 0);
    run_jobs(interpreter, jobs);
    memset(&f, 0, sizeof f);
    for (size_t i = 0; i < NETS; i++) {
        const batch *b = &batches[i];
        double numbers[12 * 8], real[8], term[2 * 8];
        sp_single_program program = {0.0, 0.0, SP_SINGLE_STANDARD.function,
                                     0.0}; // features: floats
        sp_error err = {0};
        sp_model model;
        if (sp_model_read(&err, &model, models[i]) != SP_OK ||
            sp_model_single(&err, &model, &program.biases) != SP_OK) {
            fail_msg("%s", err.text);
        }
        for (size_t k = 0; k < b->steps[0] * b->width; k++) {
            numbers[k] = b->features[0][k];
        }
        double *theirs = read_logits(logits[i], model.net.classes);
        assert_int_equal(sp_net_run(&err, &model.net, real, numbers, b->steps[0]), SP_OK);
        const size_t classes = model.net.classes;
        terms_at(&model.net, numbers, b->steps[0], &program, largest(real, classes), term);
        compare_clip(&model.net, real, theirs, term, &f);
        free(theirs);
        sp_model_clear(&model);
        batch_clear(&batches[i]);
    }
    tell("random networks", &f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_models_stay_within_their_terms),
        cmocka_unit_test(random_networks_stay_within_their_terms),
    };
    return cmocka_run_group_tests_name("lstm/single_runtime", tests, NULL, NULL);
}
