/* Running a program in a test. */
#ifndef SP_TESTS_SUPPORT_PROCESS_H
#define SP_TESTS_SUPPORT_PROCESS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sp_process - how a program ended and what it wrote. */
typedef struct sp_process {
    int code;  /* exit status; 128 + signal when it was killed; -1 when it could not run */
    char *out; /* owned; standard output, ends in a zero byte */
    char *err; /* owned; standard error */
} sp_process;

/** sp_process_run - runs arguments[0] with the NULL-ended list of arguments, waits for it and reads
 *  its output. `name` makes the scratch files of this call distinct. */
sp_process sp_process_run(const char *name, const char *const *arguments);
void sp_process_clear(sp_process *process);

/** sp_process_lines - the number of lines of a text; the last one need not end in a newline. */
size_t sp_process_lines(const char *text);

#ifdef __cplusplus
}
#endif
#endif
