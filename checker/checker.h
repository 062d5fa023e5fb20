/* soundproof-check: reads a certificate (docs/certificate.md) and proves it again. Nothing here
 * comes from soundproof itself. Whatever goes wrong ends the program: there is nothing to go on
 * with.
 *
 * Numbers: real numbers are enclosed in balls (Arb) wherever a function or a constant is evaluated.
 * Long sums are made in doubles, rounding to nearest; a sum of at most CK_TERMS products is within
 * CK_EPS times the sum of the absolute values of its terms, even when each term is off by 2^-48 of
 * itself: (4096 + 8) 2^-53 + 2^-48 < 2^-40. Numbers below 1e-250 play no part; CK_TINY covers what
 * underflow takes. */
#ifndef CK_CHECKER_H
#define CK_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Arb's balls, which are a library of their own before FLINT 3. */
#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#include <flint/arb_mat.h>
#else
#include <arb.h>
#include <arb_mat.h>
#endif
#include <flint/fmpq.h>
#include <flint/thread_support.h>

#define CK_EPS 0x1p-40
#define CK_TERMS 4096
#define CK_LONGEST ((size_t)1 << 22) /* samples */
#define CK_TINY 1e-200

/* ---- ends (end.c) ---- */

/** ck_refuse - "refused: STEP: why", exit 1; ck_require - unless it holds. ck_readable - of what can
 *  be read; otherwise "soundproof-check: NAME: why", exit 2. */
_Noreturn void ck_end(int code, const char *step, const char *format, ...);
#define ck_refuse(step, ...) ck_end(1, step, __VA_ARGS__)
#define ck_require(holds, step, ...) ((holds) ? (void)0 : ck_refuse(step, __VA_ARGS__))
#define ck_readable(holds, ...) ((holds) ? (void)0 : ck_end(2, __VA_ARGS__))
/** ck_alloc - zeros, or the end. */
void *ck_alloc(size_t count, size_t size);

/* ---- files (file.c) ---- */

typedef struct ck_bytes {
    unsigned char *at;
    size_t size;
} ck_bytes;
ck_bytes ck_read(const char *path);
/** ck_little, ck_float - numbers whose least significant byte comes first. */
uint64_t ck_little(const unsigned char *at, size_t bytes);
double ck_float(const unsigned char *at);
/** ck_same - refuses when the SHA-256 of the bytes is not this one. */
void ck_same(ck_bytes bytes, const char *sha256, const char *what);

/** ck_object - a JSON object, and what it is called when it is refused. The member that is read
 *  must be there, and be a text, a finite number, a number of [least, most] without a fraction. */
typedef struct ck_object {
    const void *json; /* cJSON */
    const char *what;
} ck_object;
bool ck_has(const ck_object *object, const char *key);
const void *ck_member(const ck_object *object, const char *key);
const char *ck_text(const ck_object *object, const char *key);
/** ck_choice - which of the texts, between bars, a member is. */
size_t ck_choice(const ck_object *object, const char *key, const char *texts);
double ck_number(const ck_object *object, const char *key);
size_t ck_whole(const ck_object *object, const char *key, size_t least, size_t most);
/** ck_all_members_read - refuses when nobody asked for a member, or for one of a member.
 *  ck_list - an array of `count` finite numbers. */
void ck_all_members_read(const ck_object *object);
void ck_list(double *to, const void *list, const char *what, size_t count);

/** ck_proof - the header, and the numbers of all its arrays, one behind the other. ck_array - the one
 *  of this name, which must have `size` numbers, all finite; ck_all_members_read tells of those that
 *  nobody asked for. */
typedef struct ck_proof {
    ck_object header, arrays;
    double *number;
} ck_proof;
void ck_proof_read(ck_proof *proof, const char *path);
const double *ck_array(ck_proof *proof, const char *name, size_t size);

/* ---- recordings (sound.c) ---- */

typedef struct ck_sound {
    double *sample; /* as parts of full scale, 1 */
    size_t n;
    int rate;
    int bits; /* of integers; 0: floats */
} ck_sound;
void ck_sound_read(ck_sound *sound, ck_bytes file, const char *path);

/* ---- balls (ball.c) ---- */

typedef struct ck_range {
    double lo, hi;
} ck_range;
ck_range ck_log(double x);
/** ck_curve - a function that increases: min(max(alpha x + beta, 0), 1) of CK_HARD_SIGMOID; CK_TANH
 *  and CK_IDENTITY are odd. ck_value - of it at x. ck_product - f(x) q(y) over the
 *  box x by y. ck_least - at most f(x) q(y) - a x - b y there, q odd. ck_most - at least. */
typedef enum { CK_SIGMOID, CK_HARD_SIGMOID, CK_RECTIFIER, CK_TANH, CK_IDENTITY } ck_curve_kind;
typedef struct ck_curve {
    ck_curve_kind kind;
    double alpha, beta;
} ck_curve;
ck_range ck_value(ck_curve f, double x);
ck_range ck_product(ck_curve f, ck_range x, ck_curve q, ck_range y);
double ck_least(ck_curve f, ck_range x, ck_curve q, ck_range y, double a, double b);
double ck_most(ck_curve f, ck_range x, ck_curve q, ck_range y, double a, double b);

/* ---- networks (network.c) ---- */

typedef enum { CK_PLAIN, CK_LSTM, CK_GRU, CK_TWO, CK_LAST, CK_SUM, CK_MEAN, CK_MAX } ck_node;
/** ck_layer - CK_PLAIN: h = q(W x + R h' + b), x layer from[0] (0: the features), of which W (then
 *  x itself), R, b, or q may be missing (NULL, NULL, NULL, CK_IDENTITY): dense layers, biases, curves
 *  and RNN. CK_TWO: x + y, y layer from[1]. CK_LAST and those behind it: one step, the last of a
 *  sequence, or the sum, mean or maximum of all. */
typedef struct ck_layer {
    ck_node kind;
    size_t in, out, from[2];
    double *weight;           /* [out, in], of cells [gates, out, in]: LSTM i f g o, GRU z r n */
    double *recurrent;        /* [gates, out, out] */
    double *bias;             /* [out], [gates, out] */
    double *inside;           /* [out] GRU: n = q(W x + bias + r (R h' + inside)); NULL: R (r h') */
    ck_curve gate, candidate; /* GRU: of z and r; q */
} ck_layer;
typedef struct ck_network {
    ck_layer *layer;
    size_t layers, features, steps; /* frames that it hears; 0: any */
    size_t output;                  /* the layer that gives the logits */
    ck_bytes front;                 /* the description in the file's metadata, or NULL */
} ck_network;
void ck_network_read(ck_network *network, ck_bytes file);

/* ---- front ends (front.c, bank.c, form.c) ---- */

/** ck_norm - the noises of a clip: |d_i| <= r_i; or sum (d_i / r_i)^2 <= 1; or sum |d_i| / r_i
 *  <= 1. ck_support - the largest c . d. ck_square - at least d' Q d for a diagonal above Q. Both
 *  but for the rounding of n terms. */
typedef enum { CK_BOX, CK_L2, CK_L1 } ck_norm;
double ck_support(ck_norm norm, const double *c, const double *r, size_t n);
double ck_square(ck_norm norm, const double *diagonal, const double *r, size_t n);

typedef enum { CK_ADD, CK_AT_LEAST, CK_FOR_ZERO } ck_floor;
/** ck_bank - the constants of a front end: E_m = sum_k weight_mk (F_k . x)^2, with its floor added,
 *  or at least as large, x brought to the peak `gain` unless that is 0; features map log E + bias.
 *  Numbers are within 2^-50 of themselves of the real ones. */
typedef struct ck_bank {
    double scale; /* value of full scale */
    int rate;
    bool pad_step;
    size_t span, step; /* samples of a frame, of which the first `frame` are heard; to the next */
    size_t lost;       /* frames at the end that are none */
    size_t frame, rows, bands, features;
    double *f;          /* [rows, frame] */
    double *weight;     /* [bands, rows] */
    double *map, *bias; /* [features, bands], [features] */
    arb_ptr exact_f;    /* f and weight in balls, and room for a row of weights more */
    arb_ptr exact_weight;
    ck_floor rule;
    double floor, gain;
} ck_bank;
/** ck_bank_read - from a description. ck_bank_prove - that the diagonals are above the forms:
 *  diagonal_m >= Q_m, energy >= sum_j share_j f_j f_j'; of CK_L1 their entries, one by one. */
void ck_bank_read(ck_bank *bank, const char *description);
void ck_bank_prove(const ck_bank *bank, ck_norm norm, const double *diagonal, const double *share,
                   const double *energy);

/** ck_band - lines of the logarithm of an energy over the noise d of a frame:
 *  lower_w form . d + lower_c <= log E <= upper_w form . d + upper_c, of which upper_w square is
 *  for the squares of the noise; its range; the largest form . d. */
typedef struct ck_band {
    double lower_w, lower_c, upper_w, upper_c, lo, hi, reach, square;
} ck_band;
typedef struct ck_front {
    ck_bank bank;
    ck_norm norm;
    size_t frames, padded;
    double *radius; /* [padded] */
    double *form;   /* [frames, bands, frame] */
    ck_band *band;  /* [frames, bands] */
    double *energy; /* [frames] */
    double *peak;   /* [bands, rows] */
} ck_front;
/** ck_front_bound - of front->norm, with this radius for each of n samples s. */
void ck_front_bound(ck_front *front, ck_proof *proof, const double *s, size_t n, double radius);

/* ---- vectors and rows (graph.c) ---- */

typedef enum { CK_FRAME, CK_IMAGE, CK_RELAXED } ck_vector_kind;
enum { CK_NONE = -1 };
/** ck_part - scale times vector `of`, or m times it; nothing, where `of` is CK_NONE. */
typedef struct ck_part {
    int of;
    const double *m;
    double scale;
} ck_part;
/** ck_vector - the logarithms of a frame's bands; an image, the sum of two parts and a bias, if any;
 *  or numbers f(a) q(b), or f(a) where part[1] is nothing, between lines and planes. lo, hi: the box;
 *  size: its largest absolute values; omega, of images: |m| |parts| + |bias|. */
typedef struct ck_vector {
    ck_vector_kind kind;
    size_t n, frame; /* CK_FRAME */
    ck_part part[2];
    const double *bias;
    const double *slope;   /* [2, n], of products [2, 2, n]: below, above */
    double *below, *above; /* [n] offsets, found here */
    double *lo, *hi, *size, *omega;
    bool tight; /* the box was met with rows */
} ck_vector;
typedef struct ck_graph {
    ck_vector *v;
    int most, count; /* room */
    const ck_front *front;
    int of; /* the vector that is bounded */
} ck_graph;
/** ck_add_frame, ck_add_image, ck_add_relaxed - one vector more, with its box; its number. What is
 *  relaxed is tightened first; `rest`: (1 - f(a)) q(b), f a sigmoid or a hard one. ck_tighten - meets
 *  a box with rows. ck_check_box - of a box that was changed. */
int ck_add_frame(ck_graph *g, size_t t);
int ck_add_image(ck_graph *g, size_t n, ck_part a, ck_part b, const double *bias);
int ck_add_relaxed(ck_graph *g, ck_curve f, int a, ck_curve q, int b, bool rest, const double *s);
void ck_check_box(ck_graph *g, int i, const char *what);
void ck_tighten(ck_graph *g, int i);

/* ---- the proof itself (walk.c) ---- */

/** ck_claim - logit `label` is the largest; or, of a single logit, it stays above the threshold
 *  (label 1) or below it (label 0). */
typedef struct ck_claim {
    bool single;
    size_t label;
    double threshold;
} ck_claim;
/** ck_walk - at most the margin: the least of logit[label] - logit[k], k another class, or how far
 *  the logit stays from the threshold. */
double ck_walk(const ck_network *network, const ck_front *front, ck_proof *proof,
               const ck_claim *claim);

#endif
