/* That diagonals are above quadratic forms. */
#include "checker.h"

enum { BITS = 128 };

/* Cholesky's factor in the place of m, as good as it gets; no numbers where there is none. */
static void factor(arb_mat_t m) {
    const slong n = arb_mat_nrows(m);
    for (slong i = 0; i < n; i++) {
        arb_ptr row = arb_mat_entry(m, i, 0);
        for (slong j = 0; j <= i; j++) {
            arb_dot(row + j, row + j, 1, row, 1, arb_mat_entry(m, j, 0), 1, j, BITS);
            j < i ? arb_div(row + j, row + j, arb_mat_entry(m, j, j), BITS)
                  : arb_sqrt(row + j, row + j, BITS);
            mag_zero(arb_radref(row + j));
        }
        _arb_vec_zero(row + i + 1, n - i - 1);
    }
}

/* Whether m is positive: m = shift + l l' + rest for any l, and the eigenvalues of the rest are
 * within its largest sum of absolute values of a row. */
static bool is_positive(arb_mat_t m) {
    const slong n = arb_mat_nrows(m);
    arb_mat_t l, turned;
    mag_t norm;
    arb_t shift;
    arb_mat_init(l, n, n);
    arb_mat_init(turned, n, n);
    mag_init(norm);
    arb_init(shift);
    arb_mat_bound_inf_norm(norm, m);
    arf_set_mag(arb_midref(shift), norm);
    arb_mul_2exp_si(shift, shift, -70);
    for (slong i = 0; i < n; i++) {
        arb_sub(arb_mat_entry(m, i, i), arb_mat_entry(m, i, i), shift, BITS);
    }
    arb_mat_set(l, m);
    factor(l);
    arb_mat_transpose(turned, l);
    arb_mat_mul(l, l, turned, BITS);
    arb_mat_sub(m, m, l, BITS);
    arb_mat_bound_inf_norm(norm, m);
    arb_mat_clear(l);
    arb_mat_clear(turned);
    return arf_cmpabs_mag(arb_midref(shift), norm) > 0;
}

typedef struct task {
    const ck_bank *bank;
    bool entries;
    const double *diagonal, *energy;
} task;

/* diagonal - sum_j weight_j f_j f_j' is positive, or only its diagonal is. */
static void prove(slong index, void *of) {
    const task *t = of;
    const ck_bank *bank = t->bank;
    const size_t n = bank->frame, m = (size_t)index;
    arb_srcptr weight = bank->exact_weight + m * bank->rows;
    const double *diagonal = m < bank->bands ? t->diagonal + m * n : t->energy;
    slong rows = 0; /* with a weight */
    arb_mat_t a, b, q;
    arb_t d;
    arb_init(d);
    for (size_t j = 0; j < bank->rows; j++) {
        rows += !arb_is_zero(weight + j);
    }
    arb_mat_init(a, (slong)n, rows);
    arb_mat_init(b, rows, (slong)n);
    arb_mat_init(q, (slong)n, (slong)n);
    for (size_t j = bank->rows; j-- > 0;) {
        rows -= !arb_is_zero(weight + j);
        for (size_t i = 0; !arb_is_zero(weight + j) && i < n; i++) {
            arb_set(arb_mat_entry(a, i, rows), bank->exact_f + j * n + i);
            arb_mul(arb_mat_entry(b, rows, i), bank->exact_f + j * n + i, weight + j, BITS);
        }
    }
    arb_mat_mul(q, a, b, BITS);
    arb_mat_neg(q, q);
    bool positive = true;
    for (size_t i = 0; i < n; i++) {
        arb_set_d(d, diagonal[i]);
        arb_add(arb_mat_entry(q, i, i), arb_mat_entry(q, i, i), d, BITS);
        positive = positive && arb_is_positive(arb_mat_entry(q, i, i));
    }
    ck_require(positive && (t->entries || is_positive(q)), "front end",
               "diagonal %zu is not above its form", m);
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
    task t = {bank, norm == CK_L1, diagonal, energy};
    flint_parallel_do(prove, &t, (slong)bank->bands + 1, -1, FLINT_PARALLEL_DYNAMIC);
}
