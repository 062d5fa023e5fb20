/* That diagonals are above quadratic forms. */
#include <math.h>
#include <stdlib.h>

#include "checker.h"

enum { BITS = 128 };

/* The Cholesky factor of m - shift in doubles, as good as it gets; false: there is none. */
static bool factor(arb_mat_t l, const arb_mat_t m, double shift) {
    const size_t n = (size_t)arb_mat_nrows(m);
    double *c = ck_alloc(n * n, sizeof *c);
    bool positive = true;
    for (size_t i = 0; positive && i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = arf_get_d(arb_midref(arb_mat_entry(m, i, j)), ARF_RND_NEAR);
            sum -= i == j ? shift : 0.0;
            for (size_t k = 0; k < j; k++) {
                sum -= c[i * n + k] * c[j * n + k];
            }
            positive = positive && (i > j || sum > 0.0);
            c[i * n + j] = i > j ? sum / c[j * n + j] : positive ? sqrt(sum) : 1.0;
            arb_set_d(arb_mat_entry(l, i, j), c[i * n + j]);
        }
    }
    free(c);
    return positive;
}

/* Whether m is positive: m - shift = l l' + rest for any l, and the eigenvalues of the rest are
 * within its largest sum of absolute values of a row. */
static bool is_positive(const arb_mat_t m, double largest) {
    const slong n = arb_mat_nrows(m);
    double shift = 1e-2 * largest;
    arb_mat_t l, rest;
    arb_t size;
    mag_t norm;
    arb_mat_init(l, n, n);
    arb_mat_init(rest, n, n);
    arb_init(size);
    mag_init(norm);
    while (shift > 1e-14 * largest && !factor(l, m, shift)) {
        shift *= 0.25;
    }
    arb_mat_transpose(rest, l);
    arb_mat_mul(rest, l, rest, BITS);
    arb_mat_sub(rest, m, rest, BITS);
    arb_set_d(size, shift);
    for (slong i = 0; i < n; i++) {
        arb_sub(arb_mat_entry(rest, i, i), arb_mat_entry(rest, i, i), size, BITS);
    }
    arb_mat_bound_inf_norm(norm, rest);
    arb_mat_clear(l);
    arb_mat_clear(rest);
    return mag_cmp_2exp_si(norm, 1000) < 0 && mag_get_d(norm) < shift;
}

typedef struct task {
    const ck_bank *bank;
    bool entries;
    const double *diagonal, *energy;
    bool *proved; /* [bands + 1] */
} task;

/* diagonal - sum_j weight_j f_j f_j' is positive, or only its diagonal is. */
static void prove(slong index, void *of) {
    const task *t = of;
    const ck_bank *bank = t->bank;
    const size_t n = bank->frame, m = (size_t)index;
    arb_srcptr weight = bank->exact_weight + m * bank->rows;
    const double *diagonal = m < bank->bands ? t->diagonal + m * n : t->energy;
    double largest = 0.0;
    arb_mat_t a, b, q;
    arb_t d;
    arb_init(d);
    arb_mat_init(a, (slong)n, (slong)bank->rows);
    arb_mat_init(b, (slong)bank->rows, (slong)n);
    arb_mat_init(q, (slong)n, (slong)n);
    for (size_t j = 0; j < bank->rows; j++) {
        for (size_t i = 0; !arb_is_zero(weight + j) && i < n; i++) {
            arb_set(arb_mat_entry(a, i, j), bank->exact_f + j * n + i);
            arb_mul(arb_mat_entry(b, j, i), bank->exact_f + j * n + i, weight + j, BITS);
        }
    }
    arb_mat_mul(q, a, b, BITS);
    arb_mat_neg(q, q);
    t->proved[m] = true;
    for (size_t i = 0; i < n; i++) {
        arb_set_d(d, diagonal[i]);
        arb_add(arb_mat_entry(q, i, i), arb_mat_entry(q, i, i), d, BITS);
        t->proved[m] = t->proved[m] && arb_is_positive(arb_mat_entry(q, i, i));
        largest = fmax(largest, fabs(diagonal[i]));
    }
    t->proved[m] = t->proved[m] && (t->entries || is_positive(q, largest));
    arb_mat_clear(a);
    arb_mat_clear(b);
    arb_mat_clear(q);
}

void ck_bank_prove(const ck_bank *bank, ck_norm norm, const double *diagonal, const double *share,
                   const double *energy) {
    for (size_t j = 0; j < bank->rows; j++) {
        bool zero = true, read = false;
        for (size_t i = 0; i < bank->frame; i++) {
            zero = zero && arb_is_zero(bank->exact_f + j * bank->frame + i);
        }
        for (size_t m = 0; m < bank->bands; m++) {
            read = read || bank->weight[m * bank->rows + j] > 0.0;
        }
        ck_require(share[j] >= 1e-100 || (share[j] == 0.0 && (zero || !read)), "front end",
                   "row %zu of the spectrum has no share of the energy", j);
        arb_set_d(bank->exact_weight + bank->bands * bank->rows + j, share[j]);
    }
    task t = {bank, norm == CK_L1, diagonal, energy, ck_alloc(bank->bands + 1, sizeof(bool))};
    flint_parallel_do(prove, &t, (slong)bank->bands + 1, -1, FLINT_PARALLEL_DYNAMIC);
    for (size_t m = 0; m <= bank->bands; m++) {
        ck_require(t.proved[m], "front end", "diagonal %zu is not above its form", m);
    }
}
