/* Private to preprocess/: the description of a front end and the constants made from it. */
#ifndef SP_PREPROCESS_IMPL_H
#define SP_PREPROCESS_IMPL_H

#include <stdbool.h>

#include "preprocess/preprocess.h"

/* Limits that keep every stage within memory that a computer has. */
#define SP_FRONT_MAX_FRAME 65536 /* samples, also of the FFT */
#define SP_FRONT_MAX_BANDS 512
#define SP_FRONT_MAX_ENTRIES ((size_t)1 << 25) /* doubles in all matrices together: 256 MiB */
#define SP_FRONT_MAX_FILE ((size_t)1 << 20)    /* bytes of a description file */

typedef enum {
    SP_WINDOW_NONE,
    SP_WINDOW_HAMMING,
    SP_WINDOW_HAMMING_PERIODIC,
    SP_WINDOW_HANN,
    SP_WINDOW_HANN_PERIODIC
} sp_window;

typedef enum { SP_MEL_2595_LOG10, SP_MEL_1127_LN } sp_mel_formula;
/* corner frequency to bin: floor of (N + 1), N, (N/2 + 1) or (N/2 + 2) times hz / rate */
typedef enum {
    SP_MEL_FLOOR_N_PLUS_1,
    SP_MEL_FLOOR_N,
    SP_MEL_FLOOR_HALF_N_PLUS_1, /* sonopy: its sample rate stands where others have half of it */
    SP_MEL_FLOOR_HALF_N_PLUS_2  /* speechpy */
} sp_mel_rounding;

/* what keeps the logarithm finite: added to each energy; its least value; put for an exact zero */
typedef enum { SP_FLOOR_ADD, SP_FLOOR_AT_LEAST, SP_FLOOR_FOR_ZERO } sp_floor_rule;

/** sp_description - what a description file says, checked. */
typedef struct sp_description {
    char name[64];     /* what it calls itself, or "" */
    int sample_rate;   /* Hz */
    double full_scale; /* 32768 or 1 */
    bool pad_step;     /* append one step of zeros unless the length is a multiple of the step */
    double gain_peak;  /* the largest |sample| that every clip is brought to; 0: as it is */
    size_t frame, step, fft; /* samples */
    double preemphasis;      /* y_j = x_j - preemphasis x_{j-1} inside the frame; 0: none */
    sp_window window;
    bool power_over_n; /* |X|^2 / fft instead of |X|^2 */
    size_t bands;
    double low_hz, high_hz;
    sp_mel_formula formula;
    sp_mel_rounding rounding;
    sp_floor_rule floor_rule;
    double floor;
    bool log_energy;     /* the energy of the whole spectrum is one more band, and feature 0 */
    size_t coefficients; /* of the DCT-II of the logarithms; 0: they are the features themselves */
    bool drop_last;      /* the last complete frame is left out */
} sp_description;

/** sp_description_parse - reads and checks a description; errors name the member. */
SP_NODISCARD sp_status sp_description_parse(sp_error *err, sp_description *description,
                                            const char *text, size_t size);

/** sp_window_fill - O w [n], n >= 1. Periodic windows divide by n, the others by n - 1. */
void sp_window_fill(double *w, size_t n, sp_window window);

/** sp_mel_bank - triangular filters. O mel [bands, bins], bins = fft/2 + 1.
 *  A filter without any bin is SP_E_FORMAT. */
SP_NODISCARD sp_status sp_mel_bank(sp_error *err, double *mel, const sp_description *description);

/** sp_spectrum_matrix - pre-emphasis, window and real DFT in one matrix, each entry rounded once
 *  from long double. O matrix [2 bins, min(frame, fft)], re rows then im rows. I window [frame].
 */
SP_NODISCARD sp_status sp_spectrum_matrix(sp_error *err, double *matrix,
                                          const sp_description *description, const double *window);

/** sp_fft - a plan and the constants around it: the concrete path of the spectrum. */
typedef struct sp_fft sp_fft;
SP_NODISCARD sp_status sp_fft_create(sp_error *err, sp_fft **fft, size_t n);
void sp_fft_destroy(sp_fft *fft);
/** sp_fft_buffers - aligned arrays for one thread: in [n] zeroed, out [2 (n/2 + 1)] interleaved. */
SP_NODISCARD sp_status sp_fft_buffers(sp_error *err, const sp_fft *fft, double **in, double **out);
void sp_fft_buffers_free(double *in, double *out);
/** sp_fft_execute - out = DFT(in). Thread-safe for buffers of sp_fft_buffers. */
void sp_fft_execute(const sp_fft *fft, double *in, double *out);

/** sp_dct_fill - orthonormal DCT-II of the mel bands, and feature 0 = the band behind them if
 *  log_energy.   O dct [coefficients, energies] */
void sp_dct_fill(double *dct, const sp_description *description);

/** sp_description_energies - M: mel bands, and the total energy if asked for. */
static inline size_t sp_description_energies(const sp_description *d) {
    return d->bands + (d->log_energy ? 1 : 0);
}

/** sp_fft_adjoint - in_j = sum_k re_k cos(2 pi jk/n) - im_k sin(2 pi jk/n), of interleaved [2 (n/2
 *  + 1)], which it may overwrite: gradients by the frame from those by its spectrum. */
void sp_fft_adjoint(const sp_fft *fft, double *spectrum, double *in);

/** sp_front_load - the windowed, pre-emphasised frame that starts at sample `first`; samples beyond
 *  n are zero. sp_front_energy_of - of band m. sp_front_floored - what its floor makes of it. */
void sp_front_load(double *in, const sp_front *front, const double *samples, size_t n,
                   size_t first);
double sp_front_energy_of(const sp_front *front, size_t m, const double *power);
double sp_front_floored(double energy, const sp_front *front, size_t m);

/** sp_front_gain_square - by what the power of every frame of a clip is multiplied; 1 without a
 *  gain. sp_front_gain_back - adds to the gradient [n] what the gain's own change does: by_log_gain
 *  is the sum over bands and frames of the slope by the energy times that energy. */
double sp_front_gain_square(const sp_front *front, const double *samples, size_t n);
void sp_front_gain_back(const sp_front *front, double *gradient, const double *samples, size_t n,
                        double by_log_gain);

/** sp_front_stage_graph - the stages alone as nodes, whatever gain stands in front of them. */
SP_NODISCARD sp_status sp_front_stage_graph(sp_error *err, sp_net *graph, size_t *features,
                                            const sp_front *front);

#define SP_FRONT_STAGES 6

struct sp_front {
    sp_description description;
    sp_front_layout layout;
    sp_stage stage[SP_FRONT_STAGES];
    size_t stages;
    double *constants; /* owned: everything below */
    double *window;    /* [frame] */
    double *spectrum;  /* [2 bins, used] */
    double *zero;      /* [2 bins or features] */
    double *mel;       /* [bands, 2 bins]: the same weights on re^2 and on im^2 */
    double *added;     /* [bands] added to the energies */
    double *floor;     /* [bands] their least values, or those for zero */
    double *dct;       /* [features, bands] */
    sp_fft *fft;       /* owned */
};

#endif
