/* Witnesses of queries, repeated by onnxruntime. */
#ifndef SP_TESTS_CLI_REPLAY_H
#define SP_TESTS_CLI_REPLAY_H

#include <unistd.h>

#include "tests/cli/command.h"

/* onnxruntime's Python; NULL: it is absent. */
static inline const char *python(void) {
    const char *own = getenv("SOUNDPROOF_ONNXRUNTIME_PYTHON");
    const char *path = own ? own : "build/onnxruntime-env/bin/python";
    return access(path, X_OK) == 0 ? path : NULL;
}

/* 1: onnxruntime in single precision, and a reader of the query that is not ours, say that the
 * witness in the file `answer` meets it and has these outputs; 0: onnxruntime is absent. */
static inline size_t replays_file(const char *model, const char *query, const char *answer) {
    if (!python()) {
        return 0;
    }
    sp_process replay =
        sp_process_run(program, (const char *const[]){python(), "tests/cli/verify_replay.py", model,
                                                      query, answer, NULL});
    if (replay.code != 0 || strcmp(replay.out, "met\n") != 0) {
        fail_msg("%s: %s%s", answer, replay.out, replay.err);
    }
    sp_process_clear(&replay);
    return 1;
}

/* 1: onnxruntime repeats the witness that was printed; without onnxruntime nothing is asked. */
static inline size_t replays(const char *file, const char *query, const char *answered) {
    char answer[PATH];
    write_text(answer, "answer", answered);
    (void)replays_file(file, query, answer);
    return 1;
}

#endif
