/* Wall-clock and processor time. */
#include "base/clock.h"

#include <time.h>

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
    return deadline != 0.0 && !(sp_clock_wall() < deadline);
}
