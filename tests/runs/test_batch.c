/* A corpus by Slurm, GNU parallel and plain shell: what is merged is what one run prints. */
#define _XOPEN_SOURCE 700 // realpath
#include "tests/runs/corpus.h"

const char *const program = "runs_batch";

/* Of the FSDD test set where it is there, else the toy's. */
enum { PART = 12 };
static char fsdd[PART][PATH];

static bool find_clips(void) {
    for (int i = 0; i < PART; i++) {
        char name[64];
        snprintf(name, sizeof name, "fsdd/%d_theo_%d.wav", i % 10, 1 + i / 10);
        if (!sp_test_data(name, fsdd[i], PATH)) {
            return false;
        }
    }
    return true;
}

static void run_engine(const char *engine) {
    const char *soundproof = getenv("SOUNDPROOF");
    char folder[PATH], name[64], own[PATH];
    const bool real = find_clips();
    snprintf(name, sizeof name, "batch_%s", engine);
    file_in(folder, name);
    soundproof = soundproof && soundproof[0] ? soundproof : "build/soundproof";
    const char *list[MOST_ARGUMENTS] = {
        "tests/runs/batch.sh", engine, folder, realpath(soundproof, own),
        real ? "examples/models/fsdd-certified.onnx" : t.with_front};
    for (int i = 0; i < (real ? PART : CLIPS); i++) {
        list[5 + i] = real ? fsdd[i] : t.clip[i];
    }
    sp_process process = sp_process_run(program, list);
    if (process.code == 77) {
        print_message("%s", process.out);
        sp_process_clear(&process);
        skip();
    }
    expect_code(&process, 0);
    sp_process_clear(&process);
}

static void an_array_task_is_killed_and_queued_again(void **state) {
    (void)state;
    run_engine("slurm");
}

static void shards_by_gnu_parallel(void **state) {
    (void)state;
    run_engine("parallel");
}

static void shards_by_plain_shell(void **state) {
    (void)state;
    run_engine("shell");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_task_is_killed_and_queued_again),
        cmocka_unit_test(shards_by_gnu_parallel),
        cmocka_unit_test(shards_by_plain_shell),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
