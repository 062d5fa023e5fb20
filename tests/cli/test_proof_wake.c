/* What audit --proof leaves of a wake-word model: windows that stay above a threshold, or below it.
 * The certificates are accepted, with the margins of the findings, and other claims are refused. */
#include "tests/cli/forged.h"

#include "audio/audio.h"
#include "base/file.h"
#include "onnx/onnx.h"
#include "preprocess/preprocess.h"

const char *const program = "cli_proof_wake";

enum { WIDTH = 4, STEPS = 4, FEATURES = 4, NOISES = 100 };
/* Frames that are cut to the transform, with samples that none hears between them, and the
 * energy in place of the first coefficient: mycroft-precise's, small. */
static const char front_text[] =
    "{\"sample_rate\": 8000, \"scale\": \"unit\", \"frame\": 90, \"step\": 70, \"frames\": \"all "
    "complete but the last\", \"window\": \"none\", \"fft\": 64, \"power_norm\": "
    "\"1/N\", " SMALL_MEL
    ", \"floor\": {\"at_least\": 1e-12}, \"log\": \"natural\", \"dct\": {\"type\": \"II\", "
    "\"norm\": \"orthonormal\", \"coefficients\": 4}, \"c0\": \"log energy\"}";
enum { WINDOW = 70 * STEPS + 90 };

static char model[PATH], clip[PATH], heard[PATH];

static void random_list(sp_rng *rng, double *values, size_t count, double scale) {
    for (size_t i = 0; i < count; i++) {
        values[i] = (double)(float)sp_rng_uniform(rng, -scale, scale);
    }
}

static void make_net(sp_net *net, uint64_t seed) {
    const sp_activation hard = {SP_ACTIVATION_HARD_SIGMOID, (double)0.2F, 0.5};
    const sp_activation line = {SP_ACTIVATION_AFFINE, 1.0, 0.0};
    double weight[3 * WIDTH * FEATURES], recurrent[3 * WIDTH * WIDTH], bias[3 * WIDTH], out[WIDTH];
    const double zero = 0.0;
    sp_rng rng;
    sp_rng_init(&rng, seed);
    random_list(&rng, weight, 3 * WIDTH * FEATURES, 0.4);
    random_list(&rng, recurrent, 3 * WIDTH * WIDTH, 0.5);
    random_list(&rng, bias, 3 * WIDTH, 0.5);
    random_list(&rng, out, WIDTH, 2.0);
    assert_int_equal(sp_net_init(NULL, net, FEATURES), SP_OK);
    assert_int_equal(
        sp_net_add_gru(NULL, net, WIDTH, hard, line, false, weight, recurrent, bias, NULL), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, 1, out, &zero), SP_OK);
    net->steps = STEPS;
}

static sp_process audit(const char *property, double threshold, const char *budget) {
    char text[64];
    snprintf(text, sizeof text, "logit:%.17g", threshold);
    const char *list[] = {"build/soundproof",
                          "audit",
                          "--model",
                          model,
                          "--before",
                          "0.05",
                          "--after",
                          "0.05",
                          "--json",
                          "--method",
                          "exact",
                          "--property",
                          property,
                          "--proof",
                          proof_folder(),
                          "--steps",
                          "2",
                          "--starts",
                          "1",
                          "--threshold",
                          text,
                          clip,
                          budget ? "--budget" : NULL,
                          budget,
                          NULL};
    const char *command = getenv("SOUNDPROOF");
    list[0] = command && command[0] ? command : list[0];
    return sp_process_run(program, list);
}

/* FOLDER/clip_PROPERTY_BUDGET.proof. */
static const char *proof_of(char path[PATH], const char *property, const char *budget) {
    char text[64];
    snprintf(text, sizeof text, "%s_%s", property, budget);
    proof_path(path, clip, text);
    return path;
}

/* A model, a clip and a threshold of which a property is certified at a budget; the margin. */
static double certify_one(const char *property, const char *budget, uint64_t seed,
                          double *threshold) {
    const bool fire = strcmp(property, "fire") == 0;
    for (uint64_t k = seed; k < seed + 100; k++) {
        sp_net net;
        make_net(&net, k);
        const sp_model_note note = {"soundproof.front", front_text};
        file_in(model, "wake.onnx");
        assert_int_equal(sp_model_write(NULL, model, &net, &note, 1), SP_OK);
        sp_net_clear(&net);
        write_small_clip(clip, "clip.wav", k);
        sp_process process = audit("dead-samples,fire", -1e6, "-120dB");
        expect_code(&process, 0);
        const double logit = number_behind(process.out, "\"logit\":");
        sp_process_clear(&process);
        *threshold = logit + (fire ? -0.3 : 0.3);
        process = audit(property, *threshold, budget);
        expect_code(&process, 0);
        const bool yes = strstr(process.out, "\"verdict\":\"certified\"") != NULL;
        const double margin = yes ? number_behind(process.out, "\"margin\":") : 0.0;
        sp_process_clear(&process);
        if (yes) {
            proof_path(heard, clip, "heard");
            strcpy(strrchr(heard, '.'), ".wav");
            return margin;
        }
    }
    fail_msg("%s is never certified", property);
    return 0.0;
}

static sp_process check(const char *file) {
    return check_proof(model, heard, NULL, file, "1");
}

/* The distance of the logit from the threshold, on the right side, under the worst of random
 * loudest noises of the window. */
static double least_attained(const parts *p, uint64_t seed) {
    const bool above = member(p, "label") > 0.0;
    const double radius = member(p, "radius"), threshold = member(p, "threshold");
    sp_model read = {0};
    sp_front *front = NULL;
    sp_clip whole = {0};
    sp_rng rng;
    double least = INFINITY;
    sp_rng_init(&rng, seed);
    assert_int_equal(sp_model_read(NULL, &read, model), SP_OK);
    assert_int_equal(sp_front_parse(NULL, &front, front_text, strlen(front_text), "wake"), SP_OK);
    const sp_clip_options options = {.rate = 8000, .full_scale = 1.0};
    assert_int_equal(sp_clip_read(NULL, &whole, heard, &options), SP_OK);
    const size_t begin = (size_t)member(p, "begin");
    assert_int_equal((size_t)member(p, "samples"), WINDOW);
    assert_true(begin + WINDOW <= whole.n);
    for (size_t k = 0; k <= NOISES; k++) {
        double x[WINDOW], features[STEPS * FEATURES], logit = NAN;
        for (size_t i = 0; i < WINDOW; i++) {
            const double d = sp_rng_uniform(&rng, -1.0, 1.0) >= 0.0 ? radius : -radius;
            x[i] = whole.samples[begin + i] + (k > 0 ? d : 0.0);
        }
        assert_int_equal(sp_front_frames(front, WINDOW), STEPS);
        assert_int_equal(sp_front_run(NULL, front, features, x, WINDOW), SP_OK);
        assert_int_equal(sp_net_run(NULL, &read.net, &logit, features, STEPS), SP_OK);
        least = fmin(least, above ? logit - threshold : threshold - logit);
    }
    sp_clip_clear(&whole);
    sp_front_destroy(front);
    sp_model_clear(&read);
    return least;
}

static void windows_that_fire_and_stay_silent_are_proved(void **state) {
    (void)state;
    static const char *const properties[] = {"fire", "silent"};
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 10 : 2;
    for (size_t i = 0; i < 2 * rounds; i++) {
        const char *property = properties[i % 2];
        char path[PATH];
        double threshold = 0.0;
        const double margin = certify_one(property, "-60dB", seed + 1000 * i, &threshold);
        sp_process process = check(proof_of(path, property, "-60dB"));
        expect_code(&process, 0);
        const double proved = number_behind(process.out, "margin ");
        if (!(fabs(proved - margin) <= 1e-2 * (1.0 + margin))) {
            fail_msg("seed %llu, %s: %g proved, %g claimed", (unsigned long long)(seed + 1000 * i),
                     property, proved, margin);
        }
        assert_true(number_behind(process.out, "a threshold of ") == threshold);
        sp_process_clear(&process);
        parts p;
        char *data = NULL;
        size_t size = 0;
        assert_int_equal(sp_file_read(NULL, &data, &size, path, 1 << 28), SP_OK);
        take_apart(&p, data, size);
        assert_true(proved <= least_attained(&p, seed + i) * (1.0 + 1e-6));
        parts_clear(&p);
        free(data);
    }
}

/* One member of the header changed and the file sealed anew. */
static void expect_refusal(const char *data, size_t size, const char *key, const char *value,
                           const char *step) {
    char path[PATH];
    parts p;
    take_apart(&p, data, size);
    set_member(&p, key, value);
    seal(path, &p);
    parts_clear(&p);
    sp_process process = check(path);
    if (process.code != 1 || !strstr(process.err, step)) {
        fail_msg("%s: %s ends with %d and not by %s: %s%s", key, value, process.code, step,
                 process.out, process.err);
    }
    sp_process_clear(&process);
}

static void other_claims_about_a_window_are_refused(void **state) {
    (void)state;
    static const char *const properties[] = {"fire", "silent"};
    const uint64_t seed = sp_test_seed();
    for (size_t i = 0; i < 2; i++) {
        const bool fire = i == 0;
        char path[PATH], text[64], *data = NULL;
        double threshold = 0.0;
        size_t size = 0;
        parts p;
        (void)certify_one(properties[i], "-60dB", seed + 77 + i, &threshold);
        proof_of(path, properties[i], "-60dB");
        sp_process process = check(path);
        expect_code(&process, 0);
        const double proved = number_behind(process.out, "margin ");
        sp_process_clear(&process);
        assert_int_equal(sp_file_read(NULL, &data, &size, path, 1 << 28), SP_OK);
        /* the threshold, up to where it is proved and behind it */
        for (int sign = -1; sign <= 1; sign += 2) {
            const double moved = threshold + (fire ? 1.0 : -1.0) * proved * (1.0 + 1e-4 * sign);
            snprintf(text, sizeof text, "%.17g", moved);
            if (sign > 0) {
                expect_refusal(data, size, "threshold", text, "margin");
                continue;
            }
            take_apart(&p, data, size);
            set_member(&p, "threshold", text);
            char forged[PATH];
            seal(forged, &p);
            process = check(forged);
            expect_code(&process, 0);
            assert_true(number_behind(process.out, "margin ") <= 2e-4 * (proved + 1.0));
            sp_process_clear(&process);
            parts_clear(&p);
        }
        expect_refusal(data, size, "label", fire ? "0" : "1", "margin");
        expect_refusal(data, size, "label", "2", "header");
        expect_refusal(data, size, "threshold", "null", "threshold");
        expect_refusal(data, size, "threshold", "\"high\"", "threshold");
        expect_refusal(data, size, "threshold", "1e999", "threshold");
        expect_refusal(data, size, "property", "\"argmax\"", "header");
        expect_refusal(data, size, "property", "\"louder\"", "property");
        expect_refusal(data, size, "classes", "2", "header");
        expect_refusal(data, size, "begin", "1000000", "recording");
        expect_refusal(data, size, "begin", "-1", "begin");
        expect_refusal(data, size, "samples", "300", "frames");
        expect_refusal(data, size, "budget_value", "-40", "budget");
        process = check_proof(model, clip, NULL, path, "1"); /* not as it is heard */
        expect_code(&process, 1);
        assert_non_null(strstr(process.err, "recording"));
        sp_process_clear(&process);
        free(data);
    }
}

/* Without a budget the certificate is of the loudest level, and clips are proved as they are. */
static void searched_levels_and_whole_clips_are_proved(void **state) {
    (void)state;
    char path[PATH];
    double threshold = 0.0;
    (void)certify_one("silent", "-60dB", sp_test_seed(), &threshold);
    sp_process process = audit("silent", threshold, NULL);
    expect_code(&process, 0);
    const double level = number_behind(process.out, "\"certified_db\":");
    sp_process_clear(&process);
    process = check(proof_of(path, "silent", "radius"));
    expect_code(&process, 0);
    assert_true(fabs(number_behind(process.out, " (") - level) < 1e-3);
    sp_process_clear(&process);

    int16_t samples[WINDOW];
    make_samples(samples, WINDOW, 5);
    sp_bytes bytes = sp_wav_bytes(samples, WINDOW, 1, 8000);
    write_bytes(clip, "window.wav", bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    process = RUN("radius", "--model", model, "--method", "exact", "--steps", "2", "--starts", "1",
                  "--tol", "3", "--proof", proof_folder(), clip);
    expect_code(&process, 0);
    sp_process_clear(&process);
    proof_path(path, clip, "radius");
    process = check_proof(model, clip, NULL, path, "1");
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "a threshold of 0 "));
    sp_process_clear(&process);
}

static void what_has_no_certificate_is_said(void **state) {
    (void)state;
    static const char *const wrong[][3] = {
        {"--property", "gain", "fire and silent"},   {"--methods", "exact,opt", "--methods"},
        {"--arithmetic", "float32", "--arithmetic"}, {"--deployed", "int16", "--deployed"},
        {"--method", "zono", "--method exact"},      {"--journal", "j", "--journal"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_process process = RUN("audit", "--model", model, "--proof", proof_folder(), wrong[i][0],
                                 wrong[i][1], clip);
        expect_code(&process, 1);
        expect_complaint(&process, 1, wrong[i][2]);
        sp_process_clear(&process);
    }
}

/* A published model, whose file is a Loop: the certificate is of the same net in its own file. */
static void a_published_model_is_proved(void **state) {
    (void)state;
    char published[PATH], recording[PATH], file[PATH], net[PATH];
    if (!sp_test_data("wake/hey_mycroft.onnx", published, sizeof published) ||
        !sp_test_data("wake/core_hey_mycroft.wav", recording, sizeof recording)) {
        print_message("no wake/hey_mycroft.onnx or its recording below SOUNDPROOF_DATA\n");
        skip();
    }
    static const char front[] = "examples/fronts/precise-sonopy.json";
    sp_process process =
        RUN("audit", "--model", published, "--front", front, "--property", "fire", "--method",
            "exact", "--budget", "-80dB", "--proof", proof_folder(), recording);
    expect_code(&process, 0);
    assert_non_null(strstr(process.err, "hey_mycroft_net.onnx"));
    sp_process_clear(&process);
    snprintf(file, sizeof file, "%.900s/core_hey_mycroft_fire_-80dB.proof", proof_folder());
    snprintf(net, sizeof net, "%.900s/hey_mycroft_net.onnx", proof_folder());
    snprintf(heard, sizeof heard, "%.900s/core_hey_mycroft_heard.wav", proof_folder());
    process = check_proof(net, heard, front, file, "1");
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "label 1, a threshold of 2.629"));
    sp_process_clear(&process);
    process = check_proof(published, heard, front, file, "1");
    expect_code(&process, 1);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_that_fire_and_stay_silent_are_proved),
        cmocka_unit_test(other_claims_about_a_window_are_refused),
        cmocka_unit_test(searched_levels_and_whole_clips_are_proved),
        cmocka_unit_test(what_has_no_certificate_is_said),
        cmocka_unit_test(a_published_model_is_proved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
