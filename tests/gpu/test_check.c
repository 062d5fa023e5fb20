/* The check of a backend's products of matrices: passes here, and sees every way in which a library
 * could go wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/impl.h"

/* A backend on the program's memory whose products are spoilt. */
static void (*spoil)(const sp_gpu_multiply_args *p);

static const char *wrong_name(void) {
    return "cpu (wrong)";
}

static void *take(size_t bytes) {
    return calloc(1, bytes);
}

static void copy(sp_gpu *gpu, void *to, const void *from, size_t bytes) {
    (void)gpu;
    memcpy(to, from, bytes);
}

static void multiply(sp_gpu *gpu, const sp_gpu_multiply_args *p) {
    (void)gpu;
    sp_gpu_gemm(p->m, p->n, p->k, p->a, p->lda, p->b, p->ldb, p->transposed, p->beta, p->c, p->ldc);
    spoil(p);
}

static void (*spoil_floats)(const sp_gpu_multiply_single_args *p);

static void multiply_single(sp_gpu *gpu, const sp_gpu_multiply_single_args *p) {
    (void)gpu;
    sp_gpu_gemm_single(p->m, p->n, p->k, p->a, p->lda, p->b, p->ldb, p->c, p->ldc);
    spoil_floats(p);
}

static void spoil_no_float(const sp_gpu_multiply_single_args *p) {
    (void)p;
}

/* Eleven bits of fraction, as tensor cores of a GPU take them. */
static void spoil_fractions(const sp_gpu_multiply_single_args *p) {
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) {
            float *c = p->c + i * p->ldc + j;
            *c = (float)(round((double)*c * 0x1p11) * 0x1p-11);
        }
    }
}

static void spoil_float_padding(const sp_gpu_multiply_single_args *p) {
    p->c[p->n] = 0.0F;
}

static const sp_gpu_table wrong = {.id = "wrong",
                                   .name = wrong_name,
                                   .take = take,
                                   .release = free,
                                   .write = copy,
                                   .read = copy,
                                   .multiply = multiply,
                                   .multiply_single = multiply_single};

static void spoil_nothing(const sp_gpu_multiply_args *p) {
    (void)p;
}

/* Single precision somewhere on the way. */
static void spoil_precision(const sp_gpu_multiply_args *p) {
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) {
            p->c[i * p->ldc + j] = (float)p->c[i * p->ldc + j];
        }
    }
}

/* Only where tails of all sizes meet: the last entry of the last row of a large product. */
static void spoil_tail(const sp_gpu_multiply_args *p) {
    if (p->m * p->n * p->k > 1000000) {
        p->c[(p->m - 1) * p->ldc + p->n - 1] *= 1.0 + 1e-9;
    }
}

static void spoil_sum(const sp_gpu_multiply_args *p) {
    if (p->k > 100) { // a term less
        p->c[0] -= p->a[p->k - 1] * p->b[p->transposed ? p->k - 1 : (p->k - 1) * p->ldb];
    }
}

static void spoil_padding(const sp_gpu_multiply_args *p) {
    p->c[p->n] = 0.0;
}

static void spoil_operand(const sp_gpu_multiply_args *p) {
    ((double *)p->a)[0] = 0.0;
}

static void spoil_with_nan(const sp_gpu_multiply_args *p) {
    p->c[0] = NAN;
}

static void wrong_products_are_seen(void **state) {
    void (*const ways[])(const sp_gpu_multiply_args *) = {
        spoil_precision, spoil_tail, spoil_sum, spoil_padding, spoil_operand, spoil_with_nan};
    sp_gpu gpu = {.table = &wrong};
    sp_error err;
    (void)state;
    spoil = spoil_nothing;
    spoil_floats = spoil_no_float;
    assert_int_equal(sp_gpu_check_queue(&err, &gpu), SP_OK);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        spoil = ways[i];
        assert_int_equal(sp_gpu_check_queue(&err, &gpu), SP_E_NUMERIC);
        assert_non_null(strstr(err.text, "cpu (wrong)"));
        assert_non_null(strstr(err.text, "OPENBLAS_CORETYPE"));
    }
    spoil = spoil_nothing;
    spoil_floats = spoil_fractions;
    assert_int_equal(sp_gpu_check_queue(&err, &gpu), SP_E_NUMERIC);
    assert_non_null(strstr(err.text, "single"));
    spoil_floats = spoil_float_padding;
    assert_int_equal(sp_gpu_check_queue(&err, &gpu), SP_E_NUMERIC);
}

static void backends_here_pass(void **state) {
    sp_error err;
    (void)state;
    assert_int_equal(sp_gpu_check(&err), SP_OK);
    assert_int_equal(sp_gpu_select(&err, "emulator", 1 << 22), SP_OK);
    assert_int_equal(sp_gpu_select(&err, "emulator", 1 << 12), SP_OK); // room for small ones only
    assert_int_equal(sp_gpu_select(&err, "cpu", 0), SP_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_products_are_seen),
        cmocka_unit_test(backends_here_pass),
    };
    return cmocka_run_group_tests_name("gpu/check", tests, NULL, NULL);
}
