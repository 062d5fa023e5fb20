/* The real DFT by FFTW. Plans are estimated, never measured, so that every run takes the same
 * algorithm. */
#include <fftw3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

struct sp_fft {
    size_t n;
    fftw_plan plan, adjoint;
};

// FFTW's planner is not thread-safe; its execution is.
static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

sp_status sp_fft_buffers(sp_error *err, const sp_fft *fft, double **in, double **out) {
    const size_t bins = fft->n / 2 + 1;
    *in = fftw_malloc(fft->n * sizeof **in);
    *out = fftw_malloc(2 * bins * sizeof **out);
    if (*in == NULL || *out == NULL) {
        sp_fft_buffers_free(*in, *out);
        *in = *out = NULL;
        return sp_fail(err, SP_E_MEMORY, "out of memory for a transform of %zu points", fft->n);
    }
    memset(*in, 0, fft->n * sizeof **in);
    memset(*out, 0, 2 * bins * sizeof **out);
    return SP_OK;
}

void sp_fft_buffers_free(double *in, double *out) {
    fftw_free(in);
    fftw_free(out);
}

sp_status sp_fft_create(sp_error *err, sp_fft **fft, size_t n) {
    double *in = NULL, *out = NULL;
    *fft = calloc(1, sizeof **fft);
    if (*fft == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a transform of %zu points", n);
    }
    (*fft)->n = n;
    sp_status status = sp_fft_buffers(err, *fft, &in, &out);
    if (status == SP_OK) {
        pthread_mutex_lock(&planner);
        (*fft)->plan = fftw_plan_dft_r2c_1d((int)n, in, (fftw_complex *)out,
                                            FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
        (*fft)->adjoint = fftw_plan_dft_c2r_1d((int)n, (fftw_complex *)out, in, FFTW_ESTIMATE);
        pthread_mutex_unlock(&planner);
        if ((*fft)->plan == NULL || (*fft)->adjoint == NULL) {
            status = sp_fail(err, SP_E_MEMORY, "FFTW has no plan for %zu points", n);
        }
    }
    sp_fft_buffers_free(in, out);
    if (status != SP_OK) {
        sp_fft_destroy(*fft);
        *fft = NULL;
    }
    return status;
}

void sp_fft_destroy(sp_fft *fft) {
    if (fft == NULL) {
        return;
    }
    pthread_mutex_lock(&planner);
    if (fft->plan != NULL) {
        fftw_destroy_plan(fft->plan);
    }
    if (fft->adjoint != NULL) {
        fftw_destroy_plan(fft->adjoint);
    }
    pthread_mutex_unlock(&planner);
    free(fft);
}

void sp_fft_execute(const sp_fft *fft, double *in, double *out) {
    fftw_execute_dft_r2c(fft->plan, in, (fftw_complex *)out);
}

/* The transform back adds every inner bin twice, as re + i im and as its conjugate. */
void sp_fft_adjoint(const sp_fft *fft, double *spectrum, double *in) {
    for (size_t k = 1; 2 * k < fft->n; k++) {
        spectrum[2 * k] *= 0.5;
        spectrum[2 * k + 1] *= 0.5;
    }
    fftw_execute_dft_c2r(fft->adjoint, (fftw_complex *)spectrum, in);
}
