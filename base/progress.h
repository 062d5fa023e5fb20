/* Progress on stderr: a bar, drawn only when stderr is a terminal, and one line about work that
 * will take long, wherever stderr goes. Nothing is said unless a program has begun a bar. */
#ifndef SP_BASE_PROGRESS_H
#define SP_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sp_progress_begin - starts a bar of `total` items; with one of them only its parts are drawn.
 *  `advice`: what to do about work that takes long, or NULL; borrowed until the end. */
void sp_progress_begin(const char *what, size_t total, const char *advice);
/** sp_progress_part - inside an item, `work` of `all` operations of `part` are done; both in any
 *  unit that takes the same time throughout. `who` tells parts of items apart that are under way
 *  at once, of which one is shown. Work that the rate of the first seconds puts beyond half a
 *  minute is announced, once for each name of a part. Thread-safe. */
void sp_progress_part(const void *who, const char *part, double work, double all);
/** sp_progress_place - where the work of `who` stands, as "frame 3 of 98"; copied, and shown with
 *  what is said of its next part. Thread-safe. */
void sp_progress_place(const void *who, const char *place);
/** sp_progress_weigh - items cost differently, `all` together in any unit: shares and the remaining
 *  time go by cost from now on. sp_progress_step_of - one item of this cost is done; `known`: it
 *  took no time, and says nothing of the rate. Thread-safe. */
void sp_progress_weigh(double all);
void sp_progress_step_of(double cost, bool known);
/** sp_progress_clear - wipes the bar so that a line can be printed; the next step draws it anew. */
void sp_progress_clear(void);
void sp_progress_end(void);

#ifdef __cplusplus
}
#endif
#endif
