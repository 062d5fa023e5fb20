/* Statistics of comparisons: means, deviations and quantiles, and Wilcoxon's signed-rank test. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "certify/study/study.h"

/* Up to so many differences that are not 0, p is exact: one of all 2^n signs. */
enum { EXACT = 50 };

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- one list ---- */

/* Between the two values next to the place, in proportion.   I sorted [count > 0] */
static double quantile(const double *sorted, size_t count, double part) {
    const double place = part * (double)(count - 1);
    const size_t below = (size_t)place;
    const size_t above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

/* I sorted [count] finite */
static void describe(sp_paired_spread *spread, const double *sorted, size_t count) {
    static const double parts[SP_PAIRED_QUANTILES] = {0.05, 0.25, 0.5, 0.75, 0.95};
    double sum = 0.0, squares = 0.0;
    *spread = (sp_paired_spread){.count = count, .mean = NAN, .deviation = NAN};
    for (size_t q = 0; q < SP_PAIRED_QUANTILES; q++) {
        spread->quantile[q] = count > 0 ? quantile(sorted, count, parts[q]) : NAN;
    }
    for (size_t i = 0; i < count; i++) { // equal values have themselves as mean
        sum += sorted[i] - sorted[0];
    }
    if (count > 0) {
        spread->mean = sorted[0] + sum / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        squares += (sorted[i] - spread->mean) * (sorted[i] - spread->mean);
    }
    if (count > 1) {
        spread->deviation = sqrt(squares / (double)(count - 1));
    }
}

sp_status sp_paired_spread_of(sp_error *err, sp_paired_spread *spread, const double *values,
                              size_t count) {
    double *sorted = calloc(count + 1, sizeof *sorted);
    size_t kept = 0;
    describe(spread, sorted, 0);
    if (!sorted) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu values", count);
    }
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i])) {
            sorted[kept++] = values[i];
        }
    }
    qsort(sorted, kept, sizeof *sorted, by_size);
    describe(spread, sorted, kept);
    free(sorted);
    return SP_OK;
}

/* ---- pairs ---- */

typedef struct ranked {
    double size; /* of a difference that is not 0 */
    bool larger;
} ranked;

static int by_rank(const void *a, const void *b) {
    return by_size(&((const ranked *)a)->size, &((const ranked *)b)->size);
}

/* Twice the ranks, whole numbers: equal sizes share the mean of theirs. *ties: the sum of t^3 - t
 * over groups of t equal sizes.   O rank2 [count]   I sorted [count] */
static void take_ranks(size_t *rank2, double *ties, const ranked *sorted, size_t count) {
    *ties = 0.0;
    for (size_t first = 0, end = 0; first < count; first = end) {
        for (end = first + 1; end < count && sorted[end].size == sorted[first].size;) {
            end++;
        }
        const double t = (double)(end - first);
        *ties += t * t * t - t;
        for (size_t i = first; i < end; i++) {
            rank2[i] = first + end + 1; // twice the mean of first + 1 ... end
        }
    }
}

/* The probability that the sum of the ranks of one sign is at most sum2 / 2, every sign being as
 * likely; all sums of 2^n signs are counted one rank after another. NaN: no memory. */
static double exact_below(const size_t *rank2, size_t count, size_t sum2) {
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most += rank2[i];
    }
    double *share = calloc(most + 1, sizeof *share), below = 0.0;
    if (!share) {
        return NAN;
    }
    share[0] = 1.0;
    for (size_t i = 0, reached = 0; i < count; i++) {
        reached += rank2[i];
        for (size_t s = reached + 1; s-- > 0;) {
            share[s] = 0.5 * (share[s] + (s >= rank2[i] ? share[s - rank2[i]] : 0.0));
        }
    }
    for (size_t s = 0; s <= sum2 && s <= most; s++) {
        below += share[s];
    }
    free(share);
    return below;
}

/* Normal with the mean and the variance of the sum, less for ties; without a correction for
 * continuity. */
static double normal_both(double least, double count, double ties) {
    const double mean = count * (count + 1.0) / 4.0;
    const double variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - ties / 48.0;
    return erfc((mean - least) / sqrt(2.0 * variance));
}

/* I sorted [count], rank2: memory for [count] */
static void test(sp_paired *paired, const ranked *sorted, size_t *rank2, size_t count) {
    size_t larger2 = 0, smaller2 = 0;
    double ties = 0.0;
    take_ranks(rank2, &ties, sorted, count);
    for (size_t i = 0; i < count; i++) {
        *(sorted[i].larger ? &larger2 : &smaller2) += rank2[i];
    }
    const size_t least2 = larger2 < smaller2 ? larger2 : smaller2;
    paired->rank_sum = 0.5 * (double)least2;
    paired->exact = count <= EXACT;
    if (count > 0) {
        const double p = paired->exact ? 2.0 * exact_below(rank2, count, least2)
                                       : normal_both(paired->rank_sum, (double)count, ties);
        paired->p = p < 1.0 ? p : isnan(p) ? NAN : 1.0;
    }
}

sp_status sp_paired_test(sp_error *err, sp_paired *paired, const double *a, const double *b,
                         size_t count) {
    double *difference = calloc(count + 1, sizeof *difference);
    ranked *sorted = calloc(count + 1, sizeof *sorted);
    size_t *rank2 = calloc(count + 1, sizeof *rank2), unequal = 0;
    sp_status status = difference && sorted && rank2
                           ? SP_OK
                           : sp_fail(err, SP_E_MEMORY, "out of memory for %zu pairs", count);
    *paired = (sp_paired){.p = NAN};
    for (size_t i = 0; status == SP_OK && i < count; i++) {
        const double apart = a[i] - b[i];
        if (!isfinite(apart)) {
            continue;
        }
        difference[paired->pairs++] = apart;
        paired->larger += apart > 0.0;
        paired->smaller += apart < 0.0;
        if (apart != 0.0) {
            sorted[unequal++] = (ranked){fabs(apart), apart > 0.0};
        }
    }
    if (status == SP_OK) {
        paired->equal = paired->pairs - unequal;
        qsort(sorted, unequal, sizeof *sorted, by_rank);
        test(paired, sorted, rank2, unequal);
        status = sp_paired_spread_of(err, &paired->difference, difference, paired->pairs);
    }
    free(difference);
    free(sorted);
    free(rank2);
    return status;
}
