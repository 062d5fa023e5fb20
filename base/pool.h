/* A pool of threads. Work is a numbered set of tasks; the caller works too, and idle threads join
 * whatever set is open, also one opened from inside a task. Which thread runs a task never changes
 * its result: a task depends only on its number. The pool's threads round to nearest and keep
 * subnormal numbers, whatever the thread does that starts the pool. */
#ifndef SP_BASE_POOL_H
#define SP_BASE_POOL_H

#include <stddef.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_pool_task - task `index` of a set; `context` is the caller's. */
typedef void (*sp_pool_task)(void *context, size_t index);

/** sp_pool_start - makes `threads` threads (the caller included) available; 0 means one per online
 *  processor. Call once at start, not from a task; sp_pool_stop ends them. Without it all work runs
 *  in the caller. SP_E_ARGUMENT when started already or threads < 0. */
SP_NODISCARD sp_status sp_pool_start(int threads);
void sp_pool_stop(void);
int sp_pool_threads(void);

/** sp_pool_run - runs tasks 0..count-1 and returns when all are done. At most `width` of them run
 *  at once (0: as many as there are threads). May be called from a task. */
void sp_pool_run(size_t count, size_t width, sp_pool_task task, void *context);

#ifdef __cplusplus
}
#endif
#endif
