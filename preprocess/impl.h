/* Private to preprocess/: the description of a front end and the constants made from it. */
#ifndef SP_PREPROCESS_IMPL_H
#define SP_PREPROCESS_IMPL_H

#include <stdbool.h>

#include "base/json.h"
#include "preprocess/preprocess.h"

/* Limits that keep every stage within memory that a computer has. */
#define SP_FRONT_MAX_FRAME 65536 /* samples, also of the FFT */
#define SP_FRONT_MAX_BANDS 512
#define SP_FRONT_MAX_ENTRIES ((size_t)1 << 25) /* doubles in all matrices together: 256 MiB */
#define SP_FRONT_MAX_FILE ((size_t)1 << 20)    /* bytes of a description file */

typedef enum {
    SP_WINDOW_NONE,
    SP_WINDOW_HAMMING,
    SP_WINDOW_HANN,
    SP_WINDOW_BLACKMAN,
    SP_WINDOW_POVEY,     /* hann^0.85 */
    SP_WINDOW_SQRT_HANN, /* its square root */
    SP_WINDOW_SINE,      /* sin(pi j / period) */
    SP_WINDOW_NUMBERS    /* those of the description */
} sp_window;

/* where a clip gets samples that it has not */
typedef enum {
    SP_PAD_NONE,
    SP_PAD_STEP,   /* one step of zeros behind a length that is no multiple of the step */
    SP_PAD_CENTRE, /* half a transform on both sides */
    SP_PAD_LAST,   /* behind the end, until the last frame is complete; at least one frame */
    SP_PAD_STARTS, /* behind the end: a frame begins at every step of the clip */
    SP_PAD_MIDDLES /* on both sides: a frame has its middle in the middle of every step */
} sp_pad_rule;
/* what stands there: 0, or a sample of the clip */
typedef enum {
    SP_FILL_ZEROS,
    SP_FILL_REFLECT, /* d c b | a b c d | c b a */
    SP_FILL_MIRROR,  /* c b a | a b c d | d c b */
    SP_FILL_EDGE     /* a a a | a b c d | d d d */
} sp_pad_fill;

/** sp_padding - the padded clip, sample by sample a multiple of one sample of the clip, or 0. */
typedef struct sp_padding {
    sp_pad_rule rule;
    sp_pad_fill fill;
    size_t zeros;  /* on both sides, before the fill */
    size_t before; /* samples before the clip, zeros included */
    size_t lead;   /* of them, those that only pre-emphasis over the clip reads */
    size_t frame, step;
    double tail; /* x_{n+i} = tail^{i+1} x_{n-1}: pre-emphasis over the clip is 0 behind it */
} sp_padding;

/** sp_padding_plain - whether the clip stands first and only zeros follow. sp_padding_length -
 *  with padding; 0: there are too few samples to pad. sp_padding_source - the sample of the clip
 *  that sample i of the padded clip is `weight` times; SIZE_MAX: it is 0. */
bool sp_padding_plain(const sp_padding *padding);
size_t sp_padding_length(const sp_padding *padding, size_t n);
size_t sp_padding_source(const sp_padding *padding, size_t n, size_t i, double *weight);
/** sp_padding_lift - the padded clip, owned by the caller; NULL when the padding is plain: then the
 *  clip itself does, with zeros behind it. */
SP_NODISCARD sp_status sp_padding_lift(sp_error *err, double **padded, size_t *length,
                                       const sp_padding *padding, const double *samples, size_t n);

typedef enum {
    SP_EMPHASIS_FRAME,  /* y_j = x_j - a x_{j-1} inside the frame, y_0 = x_0 */
    SP_EMPHASIS_REPEAT, /* the same, y_0 = x_0 - a x_0 */
    SP_EMPHASIS_CLIP    /* over the clip, its first sample kept */
} sp_emphasis;

typedef enum { SP_POWER_WHOLE, SP_POWER_OVER_N, SP_POWER_OVER_WINDOW } sp_power_norm;

typedef enum { SP_BANK_MEL, SP_BANK_NUMBERS, SP_BANK_BINS } sp_bank;
typedef enum { SP_MEL_2595_LOG10, SP_MEL_1127_LN, SP_MEL_SLANEY } sp_mel_formula;
/* corner frequency to bin: floor of (N + 1), N, (N/2 + 1) or (N/2 + 2) times hz / rate; or not
 * rounded: triangles over the frequencies of the bins, linear in Hz or in mel */
typedef enum {
    SP_MEL_FLOOR_N_PLUS_1,
    SP_MEL_FLOOR_N,
    SP_MEL_FLOOR_HALF_N_PLUS_1, /* sonopy: its sample rate stands where others have half of it */
    SP_MEL_FLOOR_HALF_N_PLUS_2, /* speechpy */
    SP_MEL_IN_HZ,
    SP_MEL_IN_MEL
} sp_mel_rounding;

/* what keeps the logarithm finite: added to each energy; its least value; put for an exact zero */
typedef enum { SP_FLOOR_ADD, SP_FLOOR_AT_LEAST, SP_FLOOR_FOR_ZERO, SP_FLOOR_NONE } sp_floor_rule;

typedef enum { SP_UNIT_NATURAL, SP_UNIT_LOG10, SP_UNIT_DB, SP_UNIT_NONE } sp_unit;

/* one more feature, the first one: the logarithm of an energy */
typedef enum {
    SP_ENERGY_NONE,
    SP_ENERGY_SPECTRUM, /* of the whole spectrum */
    SP_ENERGY_FRAME,    /* of the frame before pre-emphasis and window */
    SP_ENERGY_WINDOWED  /* of the frame behind them */
} sp_energy;

typedef enum { SP_DCT_ORTHONORMAL, SP_DCT_TWICE, SP_DCT_SAME_SCALE } sp_dct_norm;

enum { SP_FILTER_TAPS = 129, SP_SEQUENCE_STEPS = 8 };
/** sp_filter - numbers of every frame from its neighbours': y_t = sum_k tap_k x_{t' + k - before},
 *  t' = t kept `hold` frames away from both ends; frames beyond them are the first and the last one
 *  again, or zeros. before < taps. */
typedef struct sp_filter {
    size_t of; /* 0: what the step reads; i: what filter i - 1 of the step makes */
    size_t taps, before, hold;
    bool repeats;
    double tap[SP_FILTER_TAPS];
} sp_filter;

typedef enum {
    SP_SEQUENCE_FILTERS, /* all of them side by side */
    SP_SEQUENCE_CENTRED, /* less the mean over all frames */
    SP_SEQUENCE_AFFINE   /* scale_i x_i + shift_i */
} sp_sequence_kind;
/** sp_sequence_step - what becomes of the features of all frames together. */
typedef struct sp_sequence_step {
    sp_sequence_kind kind;
    size_t filters;
    sp_filter *filter;     /* [filters] owned */
    double *scale, *shift; /* [width] owned; AFFINE */
} sp_sequence_step;

/** sp_description - what a description file says, checked. */
typedef struct sp_description {
    char name[64];     /* what it calls itself, or "" */
    int sample_rate;   /* Hz */
    double full_scale; /* 32768 or 1 */
    bool raw;          /* features are samples: frames of them, as they are */
    double gain_peak;  /* the largest |sample| that every clip is brought to; 0: as it is */
    sp_padding padding;
    size_t frame, step, fft; /* samples */
    bool remove_mean;        /* of each frame, first of all */
    double preemphasis;      /* 0: none */
    sp_emphasis emphasis;
    sp_window window;
    bool periodic;
    size_t window_length;   /* in the middle of the frame, zeros around it; 0: the frame's */
    double blackman;        /* its first coefficient */
    double *window_numbers; /* [window_length] owned, or NULL */
    sp_power_norm power_norm;
    bool magnitude; /* the root of the power stands for it */
    sp_bank bank;
    size_t bands;
    double low_hz, high_hz;
    sp_mel_formula formula;
    sp_mel_rounding rounding;
    bool half_rate_bins;  /* bin k of K at k rate / 2 / (K - 1) Hz instead of k rate / N */
    bool area;            /* each filter over half its width in Hz */
    bool empty_bands;     /* may be */
    double *bank_numbers; /* [bands, bins] owned, or NULL */
    sp_floor_rule floor_rule;
    double floor;
    sp_unit log;
    double reference; /* dB: of 1 */
    double top_db;    /* logarithms are raised to this many dB below the clip's largest; 0: not */
    sp_energy energy;
    double energy_floor; /* its least value; 0: that of the bands */
    size_t coefficients; /* of the DCT of the logarithms; 0: they are the features themselves */
    int dct_type;        /* 2 or 3 */
    sp_dct_norm dct_norm;
    double lifter; /* 1 + L/2 sin(pi (i + lifter_first) / L) times coefficient i; 0: none */
    size_t lifter_first;
    double *mean, *deviation; /* [features] owned, or NULL: (x - mean) / deviation */
    size_t mapped;            /* rows of the map; 0: none */
    double *map, *map_bias;   /* [mapped, features], [mapped] owned: map x + bias, last of all */
    bool drop_last;           /* the last complete frame is left out */
    sp_sequence_step step_of[SP_SEQUENCE_STEPS]; /* over all frames, behind everything else */
    size_t steps;
} sp_description;

/** sp_description_bins, sp_description_lead - FFT bins used; samples before a frame that reach it.
 *  sp_description_bands - M, bands and the energy; sp_description_widths - features before the
 *  normalisation, and in the end. */
static inline size_t sp_description_bins(const sp_description *d) {
    return d->fft / 2 + 1;
}
static inline size_t sp_description_lead(const sp_description *d) {
    return d->emphasis == SP_EMPHASIS_CLIP ? 1 : 0;
}
static inline size_t sp_description_energies(const sp_description *d) {
    return d->bands + (d->energy != SP_ENERGY_NONE ? 1 : 0);
}
static inline size_t sp_description_rows(const sp_description *d) {
    const bool cepstral = d->coefficients > 0;
    return cepstral ? d->coefficients : sp_description_energies(d);
}

/** sp_description_parse - reads and checks a description; errors name the member. Files that it
 *  names stand in `folder`; NULL: it may not name any. Afterwards call sp_description_clear, also
 *  after a failure. */
SP_NODISCARD sp_status sp_description_parse(sp_error *err, sp_description *description,
                                            const char *text, size_t size, const char *folder);
void sp_description_clear(sp_description *description);

/* ---- reading, description_read.c ---- */

typedef struct sp_choice {
    const char *text;
    int value;
} sp_choice;

/** sp_read_choice - a member that must be one of the texts, ended by NULL; the error lists them.
 *  Absent: *value stays when `required` is false, as with all of these. */
SP_NODISCARD sp_status sp_read_choice(sp_error *err, int *value, const sp_json *object,
                                      const char *key, const sp_choice *choices, bool required);
SP_NODISCARD sp_status sp_read_number(sp_error *err, double *value, const sp_json *object,
                                      const char *key, double least, double most, bool required);
SP_NODISCARD sp_status sp_read_count(sp_error *err, size_t *value, const sp_json *object,
                                     const char *key, size_t least, size_t most, bool required);
SP_NODISCARD sp_status sp_read_flag(sp_error *err, bool *value, const sp_json *object,
                                    const char *key);
/** sp_read_object - a member that is an object with no others than `keys`; *node = NULL: absent. */
SP_NODISCARD sp_status sp_read_object(sp_error *err, const sp_json **node, const sp_json *root,
                                      const char *key, const char *const *keys, bool required);
/** sp_read_numbers - a list of numbers, of lists of equal length, or the name of an .npy file in
 *  `folder`. O numbers [rows, columns] owned by the caller; a plain list has one row. */
SP_NODISCARD sp_status sp_read_numbers(sp_error *err, double **numbers, size_t *rows,
                                       size_t *columns, const sp_json *object, const char *key,
                                       const char *folder);
/** sp_read_only - SP_E_UNSUPPORTED naming the first member that is not in the list, and what says
 *  the same, or what can be done instead, where that is known. */
SP_NODISCARD sp_status sp_read_only(sp_error *err, const sp_json *object, const char *const *keys);

/** sp_read_mel, sp_read_bank - the bands: "mel", triangles; "bank", numbers [bands, N/2 + 1], a
 *  file of them, or "bins", every bin is a band. */
SP_NODISCARD sp_status sp_read_mel(sp_error *err, sp_description *description, const sp_json *root);
SP_NODISCARD sp_status sp_read_bank(sp_error *err, sp_description *description, const sp_json *root,
                                    const char *folder);

/* ---- features of all frames: sequence.c, sequence_read.c, sequence_nodes.c ---- */

/** sp_sequence_read - the list "sequence" of a description. */
SP_NODISCARD sp_status sp_sequence_read(sp_error *err, sp_description *description,
                                        const sp_json *root, const char *folder);
void sp_sequence_clear(sp_description *description);
/** sp_sequence_width - numbers per frame behind so many steps, out of `width`. */
size_t sp_sequence_width(const sp_description *description, size_t steps, size_t width);
/** sp_sequence_least - the frames that they need. */
size_t sp_sequence_least(const sp_description *description);
/** sp_sequence_run - O to [frames, sp_sequence_width of all]   I from [frames, width]
 *  sp_sequence_back - slopes by `from`, of `rows` objectives, out of those by `to`. */
SP_NODISCARD sp_status sp_sequence_run(sp_error *err, double *to, const sp_description *description,
                                       const double *from, size_t frames, size_t width);
SP_NODISCARD sp_status sp_sequence_back(sp_error *err, double *from,
                                        const sp_description *description, const double *to,
                                        size_t frames, size_t width, size_t rows);
/** sp_sequence_nodes - the same as nodes behind the last one. */
SP_NODISCARD sp_status sp_sequence_nodes(sp_error *err, sp_net *graph,
                                         const sp_description *description);

/** sp_preset_read - the description of a library's function with its parameters. `name`: of the
 *  preset; parameters: an object, or NULL for the defaults. */
SP_NODISCARD sp_status sp_preset_read(sp_error *err, sp_description *description, const char *name,
                                      const sp_json *parameters);

/** sp_preset_given - a parameter, unless it is absent or null; sp_preset_is_null - it is null. The
 *  others read one and leave *value where it is not given; p: the object of all, or NULL. */
const sp_json *sp_preset_given(const sp_json *p, const char *key);
bool sp_preset_is_null(const sp_json *p, const char *key);
SP_NODISCARD sp_status sp_preset_number(sp_error *err, double *value, const sp_json *p,
                                        const char *key, double least, double most);
SP_NODISCARD sp_status sp_preset_count(sp_error *err, size_t *value, const sp_json *p,
                                       const char *key, size_t least, size_t most);
SP_NODISCARD sp_status sp_preset_flag(sp_error *err, bool *value, const sp_json *p,
                                      const char *key);
SP_NODISCARD sp_status sp_preset_choice(sp_error *err, int *value, const sp_json *p,
                                        const char *key, const sp_choice *choices);
SP_NODISCARD sp_status sp_preset_only(sp_error *err, const sp_json *p, const char *const *keys);
SP_NODISCARD sp_status sp_preset_rate(sp_error *err, sp_description *d, const sp_json *p,
                                      const char *key, size_t rate);

/** sp_window_fill - O w [frame], frame >= 1. Periodic windows divide by their length, the others by
 *  one less; one that is shorter than the frame stands in its middle. */
void sp_window_fill(double *w, const sp_description *description);

/** sp_bank_fill - the weights of the bins in each band. O bank [bands, bins].
 *  A filter without any bin is SP_E_FORMAT unless the description takes them. */
SP_NODISCARD sp_status sp_bank_fill(sp_error *err, double *bank, const sp_description *description);

/** sp_spectrum_matrix - mean removal, pre-emphasis, window and real DFT in one matrix, each entry
 *  rounded once from long double. O matrix [2 bins + more, used], re rows, im rows, then the frame
 *  itself where its energy is wanted. I window [frame]. sp_spectrum_more - how many these are. */
SP_NODISCARD sp_status sp_spectrum_matrix(sp_error *err, double *matrix,
                                          const sp_description *description, const double *window);
size_t sp_spectrum_more(const sp_description *description);

/** sp_rows_wanted - whether features are more than the bands' logarithms themselves.
 *  sp_rows_features - their number. sp_rows_fill - log unit, DCT, lifter, normalisation and map in
 *  one matrix over the natural logarithms (or the energies, where no logarithm is taken).
 *  O rows [features, energies], bias [features] */
bool sp_rows_wanted(const sp_description *description);
size_t sp_rows_features(const sp_description *description);
SP_NODISCARD sp_status sp_rows_fill(sp_error *err, double *rows, double *bias,
                                    const sp_description *description);

/** sp_fft - a plan and the constants around it: the concrete path of the spectrum. */
typedef struct sp_fft sp_fft;
SP_NODISCARD sp_status sp_fft_create(sp_error *err, sp_fft **fft, size_t n);
void sp_fft_destroy(sp_fft *fft);
/** sp_fft_buffers - aligned arrays for one thread: in [n] zeroed, out [2 (n/2 + 1)] interleaved. */
SP_NODISCARD sp_status sp_fft_buffers(sp_error *err, const sp_fft *fft, double **in, double **out);
void sp_fft_buffers_free(double *in, double *out);
/** sp_fft_execute - out = DFT(in). Thread-safe for buffers of sp_fft_buffers. */
void sp_fft_execute(const sp_fft *fft, double *in, double *out);

/** sp_fft_adjoint - in_j = sum_k re_k cos(2 pi jk/n) - im_k sin(2 pi jk/n), of interleaved [2 (n/2
 *  + 1)], which it may overwrite: gradients by the frame from those by its spectrum. */
void sp_fft_adjoint(const sp_fft *fft, double *spectrum, double *in);

/** sp_front_load - the windowed, pre-emphasised frame that starts at sample `first`; samples beyond
 *  n are zero. Returns the energy that is wanted of the frame itself, or 0. */
double sp_front_load(double *in, const sp_front *front, const double *samples, size_t n,
                     size_t first);
/** sp_front_gain_square - by what the power of every frame of a clip is multiplied; 1 without a
 *  gain. sp_front_gain_back - adds to the gradient [n] what the gain's own change does: by_log_gain
 *  is the sum over bands and frames of the slope by the energy times that energy. */
double sp_front_gain_square(const sp_front *front, const double *samples, size_t n);
void sp_front_gain_back(const sp_front *front, double *gradient, const double *samples, size_t n,
                        double by_log_gain);

/** sp_front_bins - power or magnitude [bins] of the spectrum out [2 bins], which it may be; the
 *  power times gain_square.
 *  sp_front_energy_of - of band m; frame: what sp_front_load returned. sp_front_floored - what its
 *  floor makes of it. */
void sp_front_bins(double *bins, const double *out, const sp_front *front, double gain_square);
double sp_front_energy_of(const sp_front *front, size_t m, const double *bins, double frame);
double sp_front_floored(double energy, const sp_front *front, size_t m);
/** sp_front_ceiling - the largest of the clip's bands [frames, M], the energy left out, and where
 *  it stands. */
double sp_front_ceiling(size_t *at, const double *bands, const sp_front *front, size_t frames);

/** sp_front_sequence_run, sp_front_sequence_gradient - sp_front_run, sp_front_gradient of a
 *  sequence. */
SP_NODISCARD sp_status sp_front_sequence_run(sp_error *err, const sp_front *front, double *features,
                                             const double *samples, size_t n);
void sp_front_sequence_gradient(double *gradient, const double *slope, size_t rows, size_t n);

/** sp_front_nodes - the stages alone as nodes; gain and top_db are not among them. */
SP_NODISCARD sp_status sp_front_nodes(sp_error *err, sp_net *graph, const sp_front *front);

#define SP_FRONT_STAGES 8

struct sp_front {
    sp_description description;
    sp_front_layout layout;
    sp_stage stage[SP_FRONT_STAGES];
    size_t stages;
    double *constants;   /* owned: everything below */
    double *window;      /* [frame] */
    double *spectrum;    /* [rows, used], rows = 2 bins + more */
    double *zero;        /* [rows] */
    double *pairs;       /* [bins, rows] re^2 + im^2, magnitude only */
    double *mel;         /* [M, rows or bins]: the same weights on re^2 and on im^2 */
    double *bank;        /* [bands, bins] */
    double *added;       /* [M] added to the energies */
    double *floor;       /* [M] their least values, or those for zero */
    double *rows;        /* [base, M] or NULL: the bands are the features */
    double *rows_bias;   /* [base] */
    size_t base;         /* width of a feature row before what becomes of all frames */
    double divisor;      /* of the power */
    double energy_scale; /* of the frame's energy, so that one floor serves it and the bands */
    double top;          /* logarithms are raised to this below the clip's largest; 0: not */
    sp_fft *fft;         /* owned */
    size_t core_stages;  /* those that front_bound.h bounds */
    sp_front *core;      /* owned: a front end of these alone; NULL: all of them */
    bool sequence;       /* there is no front end: nothing but layout is set */
    bool shared;         /* a core: its arrays are those of the front end around it */
};

#endif
