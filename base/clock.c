/* Wall-clock and processor time, and deadlines. */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static atomic_bool stopped; // without locks, so that a signal handler may set it

static double seconds(clockid_t clock) {
    struct timespec now = {0, 0};
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double sp_clock_wall(void) {
    return seconds(CLOCK_MONOTONIC);
}

double sp_clock_cpu(void) {
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

bool sp_clock_passed(double deadline) {
    return sp_clock_stopped() || (deadline != 0.0 && !(sp_clock_wall() < deadline));
}

void sp_clock_stop(void) {
    atomic_store_explicit(&stopped, true, memory_order_relaxed);
}

bool sp_clock_stopped(void) {
    return atomic_load_explicit(&stopped, memory_order_relaxed);
}

void sp_clock_resume(void) {
    atomic_store_explicit(&stopped, false, memory_order_relaxed);
}
