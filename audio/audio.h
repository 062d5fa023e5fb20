/* Clips, noise budgets and noise sets. Only this folder knows libsndfile and libsamplerate. */
#ifndef SP_AUDIO_AUDIO_H
#define SP_AUDIO_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_clip_coding - which values the samples of a file can have. */
typedef enum {
    SP_CLIP_REAL,    /* doubles; also what lossy formats decode to */
    SP_CLIP_SINGLE,  /* single precision numbers times full_scale */
    SP_CLIP_INTEGER, /* multiples of lsb */
    SP_CLIP_MU_LAW,  /* G.711: 255 values, finer the quieter; lsb is the smallest step */
    SP_CLIP_A_LAW,   /* G.711: 256 values, likewise */
    SP_CLIP_ADAPTIVE /* multiples of lsb, but which depends on the samples before (ADPCM, GSM) */
} sp_clip_coding;

/** sp_clip - one channel of a recording, in the units of the model that will hear it; or a sequence
 *  of rows of numbers, which has no sound. */
typedef struct sp_clip {
    double *samples;   /* [n] owned; full scale is `full_scale`; integer formats are exact */
    size_t n;          /* N >= 1 */
    size_t width;      /* 0; of a sequence the numbers in a row, row by row in samples: no rate */
    int rate;          /* Hz */
    double full_scale; /* value of 0 dBFS: 32768 for models that hear int16, 1 for unit scale */
    double lsb;        /* one step of the file's coding, same units; 0 for float formats */
    double gap;        /* least distance of a sample to another value of the coding; 0 likewise */
    int bits;          /* bits of the integers that the file decodes to; 0 for float formats */
    double peak, rms;  /* max |s| and root mean square, in these units */
    size_t whole;      /* of a window: samples of the recording that peak and rms are of; else 0 */
    bool resampled;    /* by --resample: the samples are no longer those of the file */
    size_t mixed;      /* number of channels whose mean this is; 0: of none */
    sp_clip_coding coding;
    int format;     /* container and encoding of the file, as libsndfile counts them; 0: no file */
    char note[256]; /* what a user should know of how the file was read, in one line; or "" */
} sp_clip;

/** sp_clip_options - what the model asks of a file. */
typedef struct sp_clip_options {
    int rate;           /* Hz that the model needs; 0 accepts any */
    double full_scale;  /* units of the samples, see sp_clip; 0 means 32768 */
    int channel;        /* 0: the file must be mono; K >= 1: take channel K */
    bool downmix;       /* take the mean of all channels instead */
    bool resample;      /* convert another rate by libsamplerate instead of refusing it */
    size_t max_samples; /* refuse longer clips; 0: 30 minutes at 48 kHz */
    size_t width; /* not 0: the file is a sequence of rows of so many numbers; no other is read */
} sp_clip_options;

/** sp_clip_read - reads every format that libsndfile reads; "-" is standard input, once. WAV files
 *  whose header leaves their length open, as those that were written to a pipe, are read to their
 *  end, with a note.
 *  Errors name what is wrong and what to do: missing file, directory, empty file, not audio,
 *  truncated data, no samples, several channels without a choice, several recordings, no or another
 *  rate, samples that are not finite. Each begins with the path. */
SP_NODISCARD sp_status sp_clip_read(sp_error *err, sp_clip *clip, const char *path,
                                    const sp_clip_options *options);
/** sp_clip_sequence_named - whether a path is that of sequences: FILE.npy, or FILE.npy:K for the
 *  one with number K (from 0) of a file with three dimensions, [sequences, rows, width].
 *  sp_clip_sequence_file - the length of the file's name in it, and K (0 unless it says).
 *  sp_clip_sequence_look - how many sequences a file holds, and their width. Errors name the file.
 */
bool sp_clip_sequence_named(const char *path);
size_t sp_clip_sequence_file(const char *path, size_t *number);
SP_NODISCARD sp_status sp_clip_sequence_look(sp_error *err, size_t *count, size_t *width,
                                             const char *path);
/** sp_clip_length - samples of a channel and rate, from the header of a file; SP_E_UNSUPPORTED for
 *  pipes, and where the header does not say. */
SP_NODISCARD sp_status sp_clip_length(sp_error *err, size_t *samples, int *rate, const char *path);
/** sp_clip_init - a clip from n samples in memory (copied). */
SP_NODISCARD sp_status sp_clip_init(sp_error *err, sp_clip *clip, const double *samples, size_t n,
                                    int rate, double full_scale, double lsb);
void sp_clip_clear(sp_clip *clip);

/** sp_clip_floor / sp_clip_ceil - the largest value of the clip's coding that is at most x, and the
 *  smallest that is at least x; -inf, +inf: there is none. sp_clip_round - a nearest one. */
double sp_clip_floor(const sp_clip *clip, double x);
double sp_clip_ceil(const sp_clip *clip, double x);
double sp_clip_round(const sp_clip *clip, double x);

/** sp_clip_background - what a recording is set in: a device that listens hears a room before and
 *  after a word, never digital silence. */
typedef struct sp_clip_background {
    double before, after; /* seconds */
    /* root mean square of Gaussian noise over all of it, in steps of 16-bit samples */
    double noise;
    uint64_t seed;
} sp_clip_background;
/** sp_clip_embed - the clip in its background, rounded to the clip's format. Peak and rms are those
 *  of the result. */
SP_NODISCARD sp_status sp_clip_embed(sp_error *err, sp_clip *out, const sp_clip *clip,
                                     const sp_clip_background *background);
/** sp_clip_part - samples [first, first + n) of a clip. Its peak stays that of the whole, so that
 *  budgets relative to the peak mean the same noise. */
SP_NODISCARD sp_status sp_clip_part(sp_error *err, sp_clip *part, const sp_clip *clip, size_t first,
                                    size_t n);
/** sp_clip_window - the same; rms and energy stay those of the whole too, and so does every budget.
 */
SP_NODISCARD sp_status sp_clip_window(sp_error *err, sp_clip *part, const sp_clip *clip,
                                      size_t first, size_t n);
/** sp_clip_energy - about the l2 norm of what a clip's budgets are relative to. */
double sp_clip_energy(const sp_clip *clip);
/** sp_clip_white_noise - independent Gaussian numbers of variance 1, the same for a seed.
 *  O noise [n] */
void sp_clip_white_noise(double *noise, size_t n, uint64_t seed);
/** sp_clip_form - as what a clip is written. */
typedef enum {
    SP_CLIP_OWN, /* in the container and encoding of the file that it was read from */
    SP_CLIP_WAV  /* as WAV, in integers of as many bits or in doubles */
} sp_clip_form;

/** sp_clip_own - what a file of the clip's own container and encoding does to its samples. */
typedef enum {
    SP_CLIP_LOST, /* none can be written, or they come back changed: MP3, Vorbis, clips in memory */
    SP_CLIP_NEAR, /* they come back as other values of the coding: ADPCM, GSM */
    SP_CLIP_KEPT  /* they come back as they are, when they are values of the coding */
} sp_clip_fidelity;
sp_clip_fidelity sp_clip_own(const sp_clip *clip);

/** sp_clip_write - writes the clip to `path` as one channel with its rate. WAV, and formats that
 *  keep samples, hold exactly those of the clip, which must be values of its coding; doubles that
 *  go into a file of single precision are rounded. What cannot be written so is SP_E_UNSUPPORTED. A
 *  failure leaves what stood at `path`. */
SP_NODISCARD sp_status sp_clip_write(sp_error *err, const char *path, const sp_clip *clip,
                                     sp_clip_form form);
/** sp_clip_draft - the same into a draft, which may be read again before it is kept. */
SP_NODISCARD sp_status sp_clip_draft(sp_error *err, sp_file_draft *draft, const sp_clip *clip,
                                     sp_clip_form form);

/** sp_clip_recode - what the samples become in a file of the clip's own format; SP_E_UNSUPPORTED
 *  where there is none or their number changes.   O samples [n] */
SP_NODISCARD sp_status sp_clip_recode(sp_error *err, double *samples, const sp_clip *clip);

/** sp_clip_form_name - such a file in words, "mu-law WAV". sp_clip_coding_name - its samples,
 *  "16-bit" or "mu-law".   O text [size] */
void sp_clip_form_name(char *text, size_t size, const sp_clip *clip, sp_clip_form form);
void sp_clip_coding_name(char *text, size_t size, const sp_clip *clip);
/** sp_clip_form_place - `path` with an ending that fits: ".wav" behind another one where the clip
 *  is not written in its own format, and that of the format where there is none. Owned by the
 *  caller; NULL: no memory. */
char *sp_clip_form_place(const char *path, const sp_clip *clip, sp_clip_form form);

/* ---- budgets ---- */

typedef struct sp_noise sp_noise;
typedef struct sp_noise_set sp_noise_set;

/* The radius eps of a set: of a box, the largest |d_i|; of a ball, what it says of all of d. */
typedef enum {
    SP_BUDGET_DB_PEAK, /* "-70dB": eps = 10^(v/20) max|s|, the metric of [R2, section 5.2]; for the
                        * l2 ball 10^(v/20) of the clip's own l2 norm */
    SP_BUDGET_DBFS,    /* "-50dBFS": eps = 10^(v/20) full scale */
    SP_BUDGET_LSB,     /* "3lsb":   eps = v steps of the file's coding, the smallest it has */
    SP_BUDGET_DB_SNR,  /* "45dBsnr": SNR of the loudest noise in the set */
    SP_BUDGET_ABSOLUTE /* of sequences: eps = v */
} sp_budget_unit;

/** sp_budget_deployed - as what the program that hears the noisy clip receives it. */
typedef enum {
    SP_BUDGET_AS_REAL, /* samples as they are, real numbers */
    SP_BUDGET_AS_FILE, /* rounded to a nearest value of the clip's coding, clipped to its range */
    SP_BUDGET_AS_INT16 /* the same for 16-bit integers, whatever the clip's coding is */
} sp_budget_deployed;
/** sp_budget_deployed_name - "real", "file", "int16". sp_budget_deployed_find - false: none of
 *  these. */
const char *sp_budget_deployed_name(sp_budget_deployed deployed);
bool sp_budget_deployed_find(sp_budget_deployed *deployed, const char *name);

/** sp_noise_profile - which share of a budget's radius, 0 to 1, each sample has, or each frame:
 *  then a sample has the largest share of the frames that hear it. */
typedef struct sp_noise_profile {
    double *share; /* [count] owned */
    size_t count;
} sp_noise_profile;
/** sp_noise_profile_read - from a .npy file, or a JSON list of numbers or of lists of numbers. */
SP_NODISCARD sp_status sp_noise_profile_read(sp_error *err, sp_noise_profile *profile,
                                             const char *path);
void sp_noise_profile_clear(sp_noise_profile *profile);

/** sp_budget - a set of noises for every clip. */
typedef struct sp_budget {
    sp_budget_unit unit;
    double value;
    const sp_noise_set *set; /* a set of radii; NULL: boxes */
    sp_budget_deployed
        deployed;         /* what the noisy clip becomes before it is heard; not REAL: boxes */
    size_t first, frames; /* noise in the samples of these frames only; frames 0: in all */
    bool within;          /* boxes around sequences: noisy numbers stay in [least, most] */
    double least, most;
    const sp_noise_profile *profile; /* borrowed; NULL: all samples have the whole radius */
} sp_budget;
/** sp_budget_set - that of the budget, never NULL. */
const sp_noise_set *sp_budget_set(const sp_budget *budget);

/** sp_budget_parse - reads one of the four forms, unit case-insensitive, no blanks needed.
 *  Refuses anything else, non-finite values, "0lsb" and negative LSB, in one line that shows the
 *  forms. */
SP_NODISCARD sp_status sp_budget_parse(sp_error *err, sp_budget *budget, const char *text);

/** sp_budget_parse_absolute - a number above 0. */
SP_NODISCARD sp_status sp_budget_parse_absolute(sp_error *err, sp_budget *budget, const char *text);

/** sp_budget_radius - the radius of the budget for this clip, the same for every sample, rounded
 *  up so that the certified set contains the exact one. Sequences have absolute budgets, recordings
 *  the others. A silent clip (with a relative unit), an
 *  LSB budget on a float file and a radius that is not finite or below 1e-290 are errors. */
SP_NODISCARD sp_status sp_budget_radius(sp_error *err, double *eps, const sp_budget *budget,
                                        const sp_clip *clip);

/** sp_budget_scale - eps in other units: dB relative to what a budget in dB is relative to, LSB
 *  (NaN for float files) and the SNR in dB of the loudest noise of the set. */
typedef struct sp_budget_scale {
    double db_peak, lsb, snr_db; /* NaN for sequences */
    bool vacuous; /* less than half the gap: no other clip of this coding lies in the set */
} sp_budget_scale;
void sp_budget_describe(sp_budget_scale *scale, double eps, const sp_noise_set *set,
                        const sp_clip *clip);

/* ---- noise sets ---- */

/* Every set is a row of a table and a file of its own, noise_NAME.c with sp_noise_set_NAME. Those
 * of radii have a second file, preprocess/set_NAME.c with sp_front_set_NAME: what the front end
 * must know of them. A new one is named here and has its files; nothing else knows it by name.
 * Source: docs/theory/noise-sets.md. */
#define SP_NOISE_SETS(X) X(box) X(l2) X(l1)
#define SP_NOISE_PATHS(X) X(line) X(gain)

/** sp_noise_set - a kind of set. Those of radii are convex and unconditional, a function of |d_i| /
 *  radius_i, so that the box of the radii is the least around them, and a window of such a set is a
 *  set of the same kind. Of those that are a path, d = factor(a) direction, lo <= a <= hi, the
 *  second group speaks; the first one is empty. */
struct sp_noise_set {
    const char *name;
    const char *is;     /* the set in words */
    bool box;           /* |d_i| <= radius_i and nothing else: what devices know */
    bool path;          /* one-dimensional */
    const char *norm;   /* "inf", "2", "1"; NULL: of no norm */
    const char *within; /* what noise a budget of it allows, in words */
    bool of_energy;     /* budgets in dB are relative to the clip's l2 norm, not to its peak */
    /* Terms of the support of c [n] into a running sum that starts at 0. finish: at least the
     * largest c . d, from the sum of `terms` terms in `parts` windows. copies: how many windows may
     * contain the same sample, when each has a noise of its own for it; else 1. */
    double (*gather)(double sum, const double *c, const double *radius, size_t n);
    double (*finish)(double sum, size_t terms, size_t parts, size_t copies);
    /* A d of the set at which c . d is about largest; d may be c. For searches only. */
    void (*attain)(double *d, const double *c, const double *radius, size_t n);
    /* The same, about, for steps of a search: of a set whose attain moves one sample, that many
     * share the step. d is not c. */
    void (*ascend)(double *d, const double *c, const double *radius, size_t n, size_t spread);
    /* Moves d into the set, to about the nearest point. For searches only. */
    void (*project)(double *d, const double *radius, size_t n);
    /* The least factor of the radii with which the set holds d, rounded up; of boxes as a quotient
     * is rounded. */
    double (*size)(const double *d, const double *radius, size_t n);
    /* Largest sum of the squares of d, about. */
    double (*energy)(const double *radius, size_t n);
    /* Paths only. factors: of all a in [lo, hi], rounded outward. */
    double (*factor)(double a);
    void (*factors)(double *below, double *above, double lo, double hi);
    bool scales; /* the direction is the clip and s + d = e^a s */
};

#define SP_NOISE_DECLARE(name) extern const sp_noise_set sp_noise_set_##name;
SP_NOISE_SETS(SP_NOISE_DECLARE)
SP_NOISE_PATHS(SP_NOISE_DECLARE)
#undef SP_NOISE_DECLARE
/** sp_noise_sets - the table. sp_noise_set_of_norm - by norm, or NULL. */
const sp_noise_set *const *sp_noise_sets(size_t *count);
const sp_noise_set *sp_noise_set_of_norm(const char *norm);

/** sp_noise - the set of perturbations d of the samples. */
struct sp_noise {
    const sp_noise_set *set;
    size_t n;
    double *radius;    /* [n] owned, finite, >= 0: the set, or the least box around it and 0 */
    double *direction; /* [n] owned; NULL but for paths */
    double lo, hi;     /* of paths */
};

/** sp_noise_of - the same radius for every sample, of any kind but paths. sp_noise_box - of boxes.
 *  sp_noise_burst - of the samples of [begin, end), 0 elsewhere. */
SP_NODISCARD sp_status sp_noise_of(sp_error *err, sp_noise *noise, const sp_noise_set *set,
                                   size_t n, double eps);
SP_NODISCARD sp_status sp_noise_box(sp_error *err, sp_noise *noise, size_t n, double eps);
SP_NODISCARD sp_status sp_noise_burst(sp_error *err, sp_noise *noise, const sp_noise_set *set,
                                      size_t n, double eps, size_t begin, size_t end);
/** sp_noise_path - a one-dimensional set; direction [n] is copied. lo <= hi are finite.
 *  sp_noise_line - d = a direction. sp_noise_gain - d = (e^a - 1) samples: 6.02 dB are a = ln 2. */
SP_NODISCARD sp_status sp_noise_path(sp_error *err, sp_noise *noise, const sp_noise_set *set,
                                     const double *direction, size_t n, double lo, double hi);
SP_NODISCARD sp_status sp_noise_line(sp_error *err, sp_noise *noise, const double *direction,
                                     size_t n, double lo, double hi);
SP_NODISCARD sp_status sp_noise_gain(sp_error *err, sp_noise *noise, const double *samples,
                                     size_t n, double lo, double hi);
/** sp_noise_of_budget - the set of a budget for this clip, and its radius *eps. Where noisy clips
 *  are rounded: the least box around the clip that holds all that they become (radii may be 0),
 *  while *eps stays the budget's. SP_E_MISMATCH for samples that are not those of the file, codings
 *  that do not give every sample by itself, and sets other than boxes. */
SP_NODISCARD sp_status sp_noise_of_budget(sp_error *err, sp_noise *noise, double *eps,
                                          const sp_budget *budget, const sp_clip *clip);
SP_NODISCARD sp_status sp_noise_copy(sp_error *err, sp_noise *noise, const sp_noise *source);
void sp_noise_clear(sp_noise *noise);
/** sp_noise_within - cuts a box of noise around samples [n], which lie in [least, most], to the
 *  noisy samples that do so too: of every sample what is left is the radius around centre [n]. */
SP_NODISCARD sp_status sp_noise_within(sp_error *err, sp_noise *noise, double *centre,
                                       const double *samples, double least, double most);
/** sp_noise_share - takes share [n], 0 to 1, of every radius, rounded up. SP_E_MISMATCH where
 *  nothing is left. */
SP_NODISCARD sp_status sp_noise_share(sp_error *err, sp_noise *noise, const double *share);
/** sp_noise_support - max over the set of sum_i c[i] d[first+i], i < count, rounded up.
 *  Indices at and beyond noise->n are padding: they are not perturbed. */
double sp_noise_support(const sp_noise *noise, const double *c, size_t first, size_t count);

/* ---- labels ---- */

/** sp_label_of_name - the label that a file name carries: its single digit before the first '_', as
 *  in "8_theo_3.wav", when it is below `classes`; -1 otherwise. Folders of the path do not count.
 *  */
long sp_label_of_name(const char *path, size_t classes);

/** sp_split - what a clip of a manifest is for. */
typedef enum { SP_SPLIT_NONE, SP_SPLIT_TRAIN, SP_SPLIT_VALIDATION, SP_SPLIT_TEST } sp_split;
/** sp_split_name - "train", "validation", "test"; "" for none. sp_split_parse - false: none of the
 *  three. */
const char *sp_split_name(sp_split split);
bool sp_split_parse(sp_split *split, const char *text);

/** sp_manifest - clips and their labels, read from lines "path TAB label", which may go on with
 *  "TAB split" and "TAB split TAB speaker". */
typedef struct sp_manifest_entry {
    char *given; /* owned; as the line has it */
    /* owned; relative to the manifest's folder where such a file exists, else as given */
    char *resolved;
    long label;
    sp_split split;
    char *speaker; /* owned; "" when the line names none */
    size_t line;
    unsigned long long device, inode; /* of the file; 0, 0 when it does not exist */
    size_t number;                    /* of a sequence in it; else 0 */
} sp_manifest_entry;
typedef struct sp_manifest {
    sp_manifest_entry *entry; /* [count] owned */
    size_t count;
    char *names; /* owned; of the labels, tabs between: the rest of a line "# names" TAB; or NULL */
} sp_manifest;

/** sp_manifest_read - lines that start with '#' and empty lines are skipped; a first line
 *  "path TAB label" (and more columns) is a header. Anything else that is not a path, a whole
 *  number >= 0, one of the splits and a name, and two labels or two splits for one path, are
 *  SP_E_FORMAT with the line's number. */
SP_NODISCARD sp_status sp_manifest_read(sp_error *err, sp_manifest *manifest, const char *path);
void sp_manifest_clear(sp_manifest *manifest);
/** sp_manifest_find - the entry of a clip, by the path as given, resolved, or the same file; or
 *  NULL. */
const sp_manifest_entry *sp_manifest_find(const sp_manifest *manifest, const char *clip);

#ifdef __cplusplus
}
#endif
#endif
