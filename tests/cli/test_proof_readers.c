/* What the checker rests on: it is linked with nothing of the engine, and a reader of the format in
 * another language, which shares no line with it, comes to the same margins. */
#include "tests/cli/proofs.h"

#include <unistd.h>

const char *const program = "cli_proof_readers";

/* The environment's Python; the test ends as skipped when it is absent. */
static const char *python(void) {
    const char *path = getenv("SOUNDPROOF_FLINT_PYTHON");
    path = path ? path : "build/flint-env/bin/python";
    if (access(path, X_OK) != 0) {
        print_message("python-flint is absent: tests/proofs/flint_env.sh installs it from PyPI\n");
        skip();
    }
    return path;
}

static sp_process read_in_python(const char *interpreter, const char *model, const char *clip,
                                 const char *file) {
    const char *list[] = {interpreter, "examples/check_proof.py", model, clip, file, NULL};
    return sp_process_run(program, list);
}

/* The certificate with this text in the place of that one, seal and all, by Python itself. */
static const char *forged(char path[PATH], const char *interpreter, const char *file,
                          const char *text, const char *instead) {
    static const char script[] =
        "import hashlib, sys\n"
        "data = open(sys.argv[1], 'rb').read()[:-65]\n"
        "assert sys.argv[3].encode() in data\n"
        "data = data.replace(sys.argv[3].encode(), sys.argv[4].encode(), 1)\n"
        "seal = hashlib.sha256(data).hexdigest().encode() + b'\\n'\n"
        "open(sys.argv[2], 'wb').write(data + seal)\n";
    file_in(path, "forged.proof");
    const char *list[] = {interpreter, "-c", script, file, path, text, instead, NULL};
    sp_process process = sp_process_run(program, list);
    expect_code(&process, 0);
    sp_process_clear(&process);
    return path;
}

static void a_reader_in_python_agrees(void **state) {
    (void)state;
    const char *interpreter = python();
    const uint64_t seed = sp_test_seed();
    const size_t wanted = sp_test_long() ? 8 : 2;
    size_t agreed = 0;
    for (uint64_t i = 0; agreed < wanted; i++) {
        char model[PATH], clip[PATH], file[PATH], path[PATH];
        const sp_test_onnx shape = {.features = SMALL_BANDS,
                                    .hidden = 4,
                                    .classes = 3,
                                    .seed = seed + i,
                                    .front = small_fronts[i % 2 == 0 ? 0 : 2]};
        assert_true(i < 100);
        write_model(model, "net.onnx", &shape);
        write_small_clip(clip, "clip.wav", seed + i);
        sp_process process = RUN("certify", "--model", model, "--method", "exact", "--budget",
                                 "-60dB", "--proof", proof_folder(), clip);
        const bool yes = strstr(process.out, "certified 1 of 1") != NULL;
        sp_process_clear(&process);
        if (!yes) {
            continue;
        }
        proof_path(file, clip, "-60dB");
        process = check_proof(model, clip, NULL, file, "1");
        expect_code(&process, 0);
        const double margin = number_behind(process.out, "margin ");
        sp_process_clear(&process);
        process = read_in_python(interpreter, model, clip, file);
        expect_code(&process, 0);
        const double other = number_behind(process.out, "margin ");
        if (!(fabs(margin - other) <= 2e-3 * (1.0 + margin))) {
            fail_msg("seed %llu: %g and %g", (unsigned long long)(seed + i), margin, other);
        }
        sp_process_clear(&process);
        const struct {
            const char *text, *instead;
        } forgeries[] = {{"\"budget_value\":-60", "\"budget_value\":-40"},
                         {"\"noise\":\"box\"", "\"noise\":\"any\""},
                         {"_sha256\":\"", "_sha256\":\"0"}};
        for (size_t k = 0; k < sizeof forgeries / sizeof forgeries[0]; k++) {
            process = read_in_python(
                interpreter, model, clip,
                forged(path, interpreter, file, forgeries[k].text, forgeries[k].instead));
            expect_code(&process, 1);
            assert_non_null(strstr(process.err, "refused"));
            sp_process_clear(&process);
        }
        agreed++;
    }
}

/* No symbol of the program begins with sp_, and it asks for no library of the engine's. */
static void the_checker_is_linked_with_nothing_of_the_engine(void **state) {
    (void)state;
    static const char script[] =
        "set -eu; nm \"$1\" >\"$2\"; ! grep -E ' _?sp_' \"$2\"; objdump -p \"$1\" >\"$2\";"
        " ! grep -Ei 'NEEDED.*(soundproof|blas|fftw|glpk|popt|cairo|samplerate|cuda)' \"$2\";"
        " grep -q 'NEEDED.*flint' \"$2\"";
    char checker[PATH], listing[PATH];
    const char *command = getenv("SOUNDPROOF");
    snprintf(checker, sizeof checker, "%s-check",
             command && command[0] ? command : "build/soundproof");
    file_in(listing, "listing");
    const char *list[] = {"/bin/sh", "-c", script, "sh", checker, listing, NULL};
    sp_process process = sp_process_run(program, list);
    expect_code(&process, 0);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_is_linked_with_nothing_of_the_engine),
        cmocka_unit_test(a_reader_in_python_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
