/* Status codes, and the one-line explanation that goes with a failure. */
#ifndef SP_BASE_STATUS_H
#define SP_BASE_STATUS_H

#include "base/hd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Families: 1-19 argument, 20-39 resource, 40-59 input and format, 60-79 numeric, 80-99 solver and
 * device. */
#define SP_STATUS_LIST(X)                                                                          \
    X(SP_OK, 0, "success")                                                                         \
    X(SP_E_ARGUMENT, 1, "invalid argument")                                                        \
    X(SP_E_MEMORY, 20, "out of memory")                                                            \
    X(SP_E_THREAD, 21, "cannot start a thread")                                                    \
    X(SP_E_IO, 40, "cannot read or write")                                                         \
    X(SP_E_FORMAT, 41, "malformed input")                                                          \
    X(SP_E_UNSUPPORTED, 42, "unsupported feature")                                                 \
    X(SP_E_MISMATCH, 43, "inputs that do not fit together")                                        \
    X(SP_E_NONFINITE, 60, "a value is not finite")                                                 \
    X(SP_E_NUMERIC, 61, "a numeric certificate could not be established")                          \
    X(SP_E_CONTRADICTION, 62, "two results of soundproof contradict each other")                   \
    X(SP_E_TIMEOUT, 80, "time limit reached")                                                      \
    X(SP_E_SOLVER, 81, "the LP solver failed")                                                     \
    X(SP_E_DEVICE, 82, "the device failed")

typedef enum {
#define SP_STATUS_ENTRY(name, value, text) name = value,
    SP_STATUS_LIST(SP_STATUS_ENTRY)
#undef SP_STATUS_ENTRY
} sp_status;

/** sp_error - what went wrong, in one line a user can act on.
 *  Filled by the function that fails; a caller may prefix the place with sp_error_in. */
typedef struct sp_error {
    sp_status code;
    char text[512]; /* valid UTF-8, no newline: control characters and stray bytes become '?' */
} sp_error;

/** sp_status_text - the general text of a code; never NULL. */
const char *sp_status_text(sp_status code);

/** sp_fail - fills *err (may be NULL) by a printf format and returns `code`. A text that is too
 *  long ends in "...". The arguments may point into err->text. */
sp_status sp_fail(sp_error *err, sp_status code, const char *format, ...) SP_PRINTF(3, 4);

/** sp_error_in - prefixes err->text with "place: "; keeps the code and returns it. Never SP_OK:
 *  without a failure in *err, or without err, it returns SP_E_ARGUMENT. */
sp_status sp_error_in(sp_error *err, const char *place);

/** SP_TRY - evaluates an expression of type sp_status and returns it when it is not SP_OK. */
#define SP_TRY(expression)                                                                         \
    do {                                                                                           \
        sp_status sp_try_status = (expression);                                                    \
        if (sp_try_status != SP_OK) {                                                              \
            return sp_try_status;                                                                  \
        }                                                                                          \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
