/* Wall-clock and processor time, and deadlines. */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sp_clock_wall - seconds of a monotonic clock. */
double sp_clock_wall(void);
/** sp_clock_cpu - processor seconds of the whole process. */
double sp_clock_cpu(void);
/** sp_clock_passed - whether `deadline` (a value of sp_clock_wall; 0: none) lies in the past. */
bool sp_clock_passed(double deadline);

/** sp_clock_stop - from now on every deadline has passed, that of work without any too: all that is
 *  under way ends as if its time had run out. Safe in a signal handler.
 *  sp_clock_stopped - whether that was called. sp_clock_resume - takes it back. */
void sp_clock_stop(void);
bool sp_clock_stopped(void);
void sp_clock_resume(void);

#ifdef __cplusplus
}
#endif
#endif
