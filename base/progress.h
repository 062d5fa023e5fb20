/* A progress bar on stderr, drawn only when stderr is a terminal. */
#ifndef SP_BASE_PROGRESS_H
#define SP_BASE_PROGRESS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sp_progress_begin - starts a bar of `total` items; nothing is drawn for total < 2. */
void sp_progress_begin(const char *what, size_t total);
/** sp_progress_step - one item more is done. Thread-safe. */
void sp_progress_step(void);
/** sp_progress_clear - wipes the bar so that a line can be printed; the next step draws it anew. */
void sp_progress_clear(void);
void sp_progress_end(void);

#ifdef __cplusplus
}
#endif
#endif
