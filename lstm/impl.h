/* Private to lstm/: what has been proved about each layer at each step, and back-substitution over
 * it. */
#ifndef SP_LSTM_IMPL_H
#define SP_LSTM_IMPL_H

#include <stdint.h>

#include "base/arena.h"
#include "gpu/backend.h"
#include "lstm/lstm.h"

/* Rows of one clip are handled in tiles; on the CPU of this fixed height, so that neither threads
 * nor batches change a bit. */
enum { SP_TILE = 64, SP_MAX_WIDTH = 1 << 16, SP_MAX_CLIPS = 1 << 12 };
/* Relaxations that rows may choose from: nine anchors and the static one (docs/theory/planes.md
 * 4). */
enum { SP_MENU_ANCHORS = 9, SP_MENU_PLANES = SP_MENU_ANCHORS + 1, SP_CURVE_LINES = 3 };
/* "The layer below layer 0": the features. */
#define SP_NO_LAYER ((size_t)-1)

/** sp_menu_kind - what the rows meet in a layer: lines of the ReLU (two below and one above where
 *  rows choose), lines of another curve, planes of a product. */
typedef enum { SP_MENU_NONE, SP_MENU_LINES, SP_MENU_CURVE, SP_MENU_PRODUCT } sp_menu_kind;
enum { SP_MENUS = 3 };

/** sp_shape - the arrays of a kind of layer, in blocks of its width. */
typedef struct sp_shape {
    size_t inputs; /* boxes of pre-activations */
    size_t omegas; /* affine images that rows pass */
    bool cell;     /* whether there is an inner variable with boxes of its own */
    sp_menu_kind menu[SP_MENUS];
} sp_shape;

/** sp_state - bounds of one layer at one step. Arrays are the backend's. */
typedef struct sp_state {
    double *in_lo, *in_hi;     /* [inputs out] pre-activations; ReLU: its input */
    double *out_lo, *out_hi;   /* [out] */
    double *cell_lo, *cell_hi; /* [out] LSTM: c_t; GRU: h_{t-1} - n */
    /* [omegas out] |W| |x| + |R| |h| + |b|, rounded up: the scale of the rounding errors of a
     * product with these weights (docs/theory/rounding.md 3) */
    double *omega;
    sp_gpu_menu menu[SP_MENUS];
    sp_cut *cut[SP_MENUS]; /* [out] of the boxes of products; NULL: boxes are not cut */
} sp_state;

/** sp_whole_tiles - n rounded up to whole tiles, one at least. */
static inline size_t sp_whole_tiles(size_t n) {
    return n > SP_TILE ? (n + SP_TILE - 1) / SP_TILE * SP_TILE : SP_TILE;
}

/** sp_choices - the relaxations that the rows of a tile chose in one layer at one step. */
typedef struct sp_choices {
    int *entry[SP_MENUS];    /* [TILE, out] */
    float *anchor[SP_MENUS]; /* lines [TILE, out]; products [2, TILE, out] */
} sp_choices;

/** sp_workspace - the buffers of one tile of rows of each clip; nothing is allocated while walking.
 *  TILE is the height of all that, and what is not a pointer is the backend's. */
typedef struct sp_workspace {
    double *gates;    /* [TILE, 4 Hmax] coefficients on pre-activations, or their values */
    double *h;        /* [TILE, Hmax] coefficients on h_t */
    double *c;        /* [TILE, Hmax] coefficients on c_t */
    double **pending; /* per recurrent layer [TILE, in + out]: coefficients on its input at t and on
                           its h_{t-1}; going forward the values of x_t and h_{t-1} */
    double **pending_c; /* per layer with a cell [TILE, out]: LSTM the same for c_{t-1} */
    double *cross[2];   /* [TILE, Wmax] handed on by layers without state, in turn */
    double *band;       /* [TILE, bands] coefficients on the bands, where features are not these */
    double *energy;     /* [TILE, bands] coefficients on the energies, with bins */
    double *form;   /* [TILE, forms] coefficients on the linear forms of a frame, or their values */
    double *sample; /* [TILE, frame] coefficients on the samples of the frame at hand, or samples */
    double *carry;  /* [TILE, frame - step] of them those that the frame before shares */
    double *bias, *mass, *support; /* [TILE] */
    double *slope; /* [TILE, padded] coefficients on all samples, for lines and halfspaces only */
    float *narrow, *wide; /* operand and result of products in single precision, if there are any */
    double flops;         /* of the matrix products done here */
    // only where rows choose their relaxations:
    sp_choices *choices; /* [T, layers] */
    int *entries;        /* [T, entries_step] what `choices` and `feature` point into */
    size_t entries_step;
    int **bin;              /* [T] [TILE, bins]: entry of each bin's square, with bins */
    int **feature;          /* [T] [TILE, bands]: entry of each feature's line */
    float **feature_anchor; /* [T] [TILE, bands] */
    int **peak;             /* [T] [TILE]: which peak bounds the squares, see backend.h */
    unsigned char *sign;    /* [TILE, sp_sign_width]: whether the coefficient on a sample is >= 0 */
} sp_workspace;

/** sp_single - a matrix in single precision. */
typedef struct sp_single {
    float *to;
    bool taken; /* its numbers fit */
} sp_single;

/* On a backend with memory of its own the bounds hold several clips, the longest first: those that
 * have a step t come before those that ended. Every array below that differs from clip to clip has
 * room for the longest one's T steps and stands `stride` doubles after that of the clip before;
 * pointers are those of the first clip at hand. Weights and the front end's arrays are copied
 * there: net and front are views with the backend's pointers. */
struct sp_bounds {
    sp_gpu *gpu;                   /* owned */
    const sp_net *net;             /* borrowed, or `near_net` */
    const sp_front_bound *front;   /* borrowed, or `near_front` */
    const sp_front_bound **fronts; /* [clips] owned; what they point to is borrowed */
    sp_net near_net;
    sp_front_bound near_front;
    size_t batch;        /* number of clips */
    size_t first, clips; /* those at hand are first .. first + clips */
    size_t stride;       /* 0: one clip */
    size_t tile;         /* rows of each clip that are walked at once; whole tiles */
    sp_bounds_options options;
    sp_arena arena;   /* owned: what the program alone reads */
    sp_arena numbers; /* owned: all arrays of numbers below */
    bool far;         /* the backend's memory is not the program's */
    void *block;      /* owned: memory of the backend under `numbers`, if far */
    /* In it, from clip_at on: what belongs to the first clip, its lines first. */
    size_t clip_at, line_bytes, clip_bytes;
    double *mirror;   /* owned: what was read back of the first clip, or NULL */
    double **weights; /* [layers] LSTM: [4 out, in + out] = [W | R]; else NULL */
    /* In single precision, or NULL: [2 layers] weights ([W | R] of an LSTM) and those of the state;
     * [T, forms, frame] the forms of a clip, if those of all clips fit */
    sp_single *single;
    float *form_single;
    bool forms_narrow;
    double *gamma; /* [1] of the number of roundings that any one term of a bound can meet */
    /* [T] of the features: over linear forms, or over energies where there are bins */
    sp_gpu_menu *line;
    sp_gpu_menu *square;   /* [T] of the bins' squares; NULL without bins */
    double *energy_omega;  /* [T, M] |mel| squares + floor, with bins */
    double *feature_omega; /* [T, features] |matrix| |bands| + |bias|, if the front end has one */
    double *form_min;      /* [T, forms] least values of the linear forms */
    sp_state *state;       /* [T, layers]; layers behind the readout have one state for all T */
    sp_workspace *work;    /* [slots] */
    size_t slots;
    double *unit; /* [2 n, n], n = widest box: rows e_0, -e_0, e_1, -e_1, ...: the rows of a box */
    size_t unit_width; /* n */
    size_t apart;      /* 2 n in whole tiles: rows of a clip that are bounded at once, at most */
    double *box_lower; /* [batch, apart] their lower bounds */
    double *row_error; /* [batch, apart] error terms of final rows */
    double *objective; /* [batch, apart, classes] final rows, where the backend needs a copy */
    /* [batch, apart / SP_TILE] tiles of final rows that are positive; a copy for the program */
    int *settled, *settled_here;
    /* [8 H, 4 H], [8 H, H], H = widest LSTM or GRU: rows of the cuts, if boxes are cut here */
    double *cut_gates, *cut_cell;
    sp_status *task_status; /* [n] */
};

static inline sp_state *sp_state_at(const sp_bounds *bounds, size_t t, size_t layer) {
    return bounds->state + t * bounds->net->layers + layer;
}

/** sp_sign_at - where the samples of frame t start in a row of signs; sp_sign_width - a row's
 *  length. */
static inline size_t sp_sign_at(const sp_front_bound *front, size_t t) {
    return t * (front->joint ? front->step : front->frame);
}
static inline size_t sp_sign_width(const sp_front_bound *front) {
    return sp_sign_at(front, front->frames - 1) + front->frame;
}

/** sp_samples_read - how many of the padded samples the frames reach. */
static inline size_t sp_samples_read(const sp_front_bound *front) {
    return (front->frames - 1) * front->step + front->frame;
}

/** sp_walk_is_silent - whether no sample of frame t moves, as far as the program can see. */
bool sp_walk_is_silent(const sp_bounds *bounds, size_t t);

/** sp_rule_is_linear - whether boxes are found by back-substitution. */
static inline bool sp_rule_is_linear(sp_plane_rule rule) {
    return rule == SP_PLANES_R2_LP || rule == SP_PLANES_R2_OPT || rule == SP_PLANES_STATIC;
}

/** sp_rows_choose - whether rows record the relaxations that they use. */
static inline bool sp_rows_choose(const sp_bounds_options *options) {
    return options->box_iterations + options->row_iterations + options->mix_epochs > 0;
}

/** sp_features_choose - whether rows may choose the lines of the features: the joint front end has
 *  several for each. */
static inline bool sp_features_choose(const sp_bounds *bounds) {
    return sp_rows_choose(&bounds->options) && bounds->front->tangents > 0;
}

/** sp_highest_recurrent - the highest recurrent layer below `end`; SP_NO_LAYER when there is none.
 */
size_t sp_highest_recurrent(const sp_net *net, size_t end);

/** sp_plan - bytes: of the program; of the backend for all clips together; for each clip. */
typedef struct sp_plan {
    size_t host, shared, clip;
} sp_plan;
/** sp_bounds_plan - lays out every array of the bounds; two calls: the first with empty arenas only
 *  counts. */
sp_plan sp_bounds_plan(sp_bounds *bounds, bool counting);
/** sp_plan_numbers - shared + clips clip; SIZE_MAX on overflow. */
size_t sp_plan_numbers(sp_plan plan, size_t clips);

/** sp_plan_clip - lays the arrays of a clip out again, from `base` on; sp_plan_lines - its lines
 *  only, whose array gamma comes first and is followed by `line` step by step. */
void sp_plan_clip(sp_bounds *bounds, void *base);
void sp_plan_lines(sp_bounds *bounds, void *base);

/** sp_bounds_memory - opens the queue and takes the memory of `bounds`, whose net, front, fronts,
 *  batch and options are set (memory.c). */
SP_NODISCARD sp_status sp_bounds_memory(sp_error *err, sp_bounds *bounds);
/** sp_bounds_upload_weights - copies the weights to where the backend reads them, if it is far.
 *  sp_bounds_inputs - runs fill(bounds), which sets gamma and the lines of the front end, for each
 *  clip, and sends them with copies of what walks read of the front end, each as far as the clip's
 *  own steps go. net and front become the views. */
void sp_bounds_upload_weights(sp_bounds *bounds);
SP_NODISCARD sp_status sp_bounds_inputs(sp_error *err, sp_bounds *bounds,
                                        void (*fill)(sp_bounds *bounds));
/** sp_bounds_turn - takes these clips at hand. sp_bounds_having - the number of clips that have a
 *  step t. */
void sp_bounds_turn(sp_bounds *bounds, size_t first, size_t clips);
size_t sp_bounds_having(const sp_bounds *bounds, size_t t);
/** sp_bounds_near - a number of the first clip, or an array of them, for the program to read. */
const double *sp_bounds_near(sp_bounds *bounds, const double *array);

/* ---- rows ---- */

/** sp_rows - a block of coefficients [rows, ld], or none (w NULL). */
typedef struct sp_rows {
    const double *w;
    size_t ld;
} sp_rows;

/** sp_start - the variables that rows of objectives stand on, at step t. */
typedef struct sp_start {
    size_t t, layer;
    bool common; /* every clip has the same rows; otherwise those of each clip follow each other */
    bool joined; /* the rows of each clip stand on its own last step; t is the longest's number of
                  * steps */
    sp_rows output; /* on the output of `layer` [., out]; SP_NO_LAYER: on the features */
    /* Otherwise on variables inside the recurrent `layer`, see its file: */
    size_t stage;   /* how many of its products and curves may be met at step t */
    sp_rows gates;  /* on the pre-activations [., inputs out] */
    sp_rows cell;   /* on the inner variable [., out] */
    sp_rows before; /* on the state of step t-1 [., out] */
    /* NULL, or: the rows are those of cuts; on a far backend still to be written there */
    const sp_gpu_cut_rows_args *cuts;
    sp_halfspace *line; /* NULL, or [.]: receives the line that attains each row's bound */
} sp_start;

/** sp_walk - one tile of rows on its way. */
typedef struct sp_mixture sp_mixture;
typedef struct sp_walk {
    sp_bounds *bounds;
    sp_workspace *ws;
    const sp_start *start; /* already moved to the first row of the tile */
    size_t rows, span;     /* of all clips, and of each */
    bool choosing;         /* rows use and record the entries in ws->choices */
    sp_mixture *mix; /* NULL, or: products take these mixtures, the rest only records its entries */
    int turn;        /* which cross buffer is written next */
    double *gradient; /* NULL, or [rows, padded]: receives the coefficients on the samples */
} sp_walk;

/** sp_reset_choices - every row of a tile starts with the standard relaxations; before its first
 *  walk with `choosing`. */
void sp_reset_choices(const sp_bounds *bounds, sp_workspace *ws, const sp_start *start);

/** sp_walk_back - fills ws->bias, mass and support of the tile (backsub.c). */
void sp_walk_back(sp_walk *walk);

/** sp_walk_within - after the walk itself, with the coefficients on all samples in walk->gradient:
 *  bounds the rows on the halfspace of the options (within.c). */
void sp_walk_within(sp_walk *walk);

/** sp_bounds_slopes - whether rows keep their coefficients on all samples. */
static inline bool sp_bounds_slopes(const sp_bounds_options *options) {
    return options->within != NULL || options->lines;
}

/** sp_damping - how far anchors move to the worst case in an iteration. */
double sp_damping(size_t iteration);

/** sp_walk_worst - after a walk back with `choosing`: runs the perturbation that attains each row's
 *  bound forward through the chosen relaxations and chooses the entries anew at the damped values
 *  that the
 *  products take there (worst_case.c). iteration counts from 0. */
void sp_walk_worst(sp_walk *walk, size_t iteration);

/** sp_keep_bounds - raises lower [rows] (and sets error, or NULL) where the last walk proved more;
 *  returns whether all are positive. Only where numbers are the program's. */
bool sp_keep_bounds(const sp_walk *walk, double *lower, double *error);

/** sp_lower_rows - lower bounds of rows of linear objectives by back-substitution to the samples.
 *  O lower [clips, rows], clips `apart` doubles apart; error the same or NULL: the rounding term
 *  subtracted in it; both the backend's
 *  iterations > 0: every row chooses its relaxations, best bound kept. stop_positive: a tile ends
 *  when all its bounds are positive. Deterministic for any number of threads. */
void sp_lower_rows(sp_bounds *bounds, double *lower, double *error, size_t apart,
                   const sp_start *start, size_t rows, size_t iterations, bool stop_positive);

/** sp_raise_by_intervals - raises lower bounds of objectives by the box of the logits.
 *  sp_far_rows - final rows of all clips, by way of the backend's memory (far.c). */
void sp_raise_by_intervals(const sp_bounds *bounds, double *lower, const double *weight,
                           size_t rows, const double *lo, const double *hi);
SP_NODISCARD sp_status sp_far_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                                   const double *weight, size_t rows);

/* ---- R2's OPT: each row mixes the planes of a menu (mixture.c) ---- */

/** sp_mixed - one product of one layer at one step, for all rows; n units, K candidates a side. */
typedef struct sp_mixed {
    double *score; /* [rows, n, 2, K] softmax weights before normalisation, from below and above */
    double *gradient;       /* of the bound by the scores */
    double *first, *second; /* Adam's moments */
    double *w, *a, *b, *c;  /* [rows, n] coefficient and mixed plane of the last walk */
} sp_mixed;

struct sp_mixture {
    double *memory;    /* owned */
    sp_mixed *product; /* [T, layers, SP_MENUS] owned */
    size_t scores;     /* per row and unit: 2 K */
};

static inline sp_mixed *sp_mixed_at(const sp_walk *walk, size_t l, size_t t, size_t product) {
    return walk->mix->product + (t * walk->bounds->net->layers + l) * SP_MENUS + product;
}

SP_NODISCARD sp_status sp_mixture_init(sp_error *err, sp_mixture *mix, const sp_bounds *bounds,
                                       size_t rows, uint64_t seed);
void sp_mixture_clear(sp_mixture *mix);
/** sp_mixture_back, sp_mixture_value - like sp_gpu_menu_back and sp_gpu_menu_value; the value also
 *  gives the gradient: the bound's derivative by a plane is its coefficient times the point that
 *  attains it. */
void sp_mixture_back(sp_walk *walk, const sp_gpu_menu *menu, sp_mixed *mixed, sp_rows in, double *x,
                     size_t ldx, double *y, size_t ldy, bool add);
void sp_mixture_value(sp_walk *walk, const sp_gpu_menu *menu, sp_mixed *mixed, sp_rows x, sp_rows y,
                      double *value);
/** sp_mixture_step - one step of Adam upwards in all scores. */
void sp_mixture_step(sp_mixture *mix, const sp_bounds *bounds, size_t rows, size_t epoch);

/** sp_mix_rows - raises lower and error where mixtures are better; stops a row at its first
 *  positive bound. */
SP_NODISCARD sp_status sp_mix_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                                   const sp_start *start, size_t rows);

/** sp_box_rows - lower and upper bounds of n variables, met with their intervals [lo, hi]; the
 *  result may overwrite them. `at` names t, layer and stage; the variables are columns first..
 *  first + n of its block `kind`. */
typedef enum { SP_BOX_OUTPUT, SP_BOX_GATES, SP_BOX_CELL } sp_box_kind;
void sp_box_rows(sp_bounds *bounds, sp_box_kind kind, const sp_start *at, size_t first, size_t n,
                 const double *lo, const double *hi, double *box_lo, double *box_hi);

/** sp_argument_block - where an argument of a product stands in sp_start. */
typedef enum { SP_ON_GATES, SP_ON_CELL, SP_ON_BEFORE } sp_argument_block;
/** sp_arguments - the arguments of a product of all units: x are pre-activations. */
typedef struct sp_arguments {
    sp_gpu_range x, y;
    size_t x_column, y_column; /* of unit 0 */
    sp_argument_block y_block;
} sp_arguments;

/** sp_cut_rows - cuts the boxes of products [first, end) of the recurrent layer at `at`: bounds of
 *  p x + q y and p x - q y, p and q the inverse half sides, met with what the box says. The boxes
 *  of all arguments must stand in the state. At most SP_CUT_PRODUCTS are cut together; they have
 *  y on the gates or else on one other block. */
void sp_cut_rows(sp_bounds *bounds, const sp_start *at, size_t first, size_t end);

/* ---- one layer at one step, forward ---- */

/** sp_menu_line / sp_menu_plane - store entry e of unit j; x and y are magnitudes of the arguments
 *  on the domain. Entry 0 resets the mass, the others raise it. */
void sp_menu_line(sp_gpu_menu *menu, size_t e, size_t j, sp_line line, double x);
void sp_menu_plane(sp_gpu_menu *menu, size_t e, size_t j, sp_plane plane, double x, double y);

/** sp_collapse - intervals to their middles: tangents follow one point, not its rounding. */
void sp_collapse(size_t n, double *lo, double *hi);

/** sp_input_box - the box of the input of `layer` at step t. */
void sp_input_box(const sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                  const double **hi);

#endif
