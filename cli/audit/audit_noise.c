/* The noise of lines and streams of soundproof audit. */
#include <math.h>
#include <stdlib.h>

#include "cli/audit/audit_job.h"

double *cli_audit_direction(sp_error *err, const cli_audit_job *j, size_t n) {
    double *direction = malloc(n * sizeof *direction), largest = 0.0;
    if (!direction) {
        (void)sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
        return NULL;
    }
    sp_clip_white_noise(direction, n, (uint64_t)j->base.options->seed);
    for (size_t i = 0; i < n; i++) {
        direction[i] = j->noise.n ? j->noise.samples[i % j->noise.n] : direction[i];
        largest = fmax(largest, fabs(direction[i]));
    }
    for (size_t i = 0; i < n && largest > 0.0; i++) {
        direction[i] /= largest;
    }
    return direction;
}
