/* Private to the domains of back-substitution: relaxations, rows and what they choose, and the
 * walk of a tile of rows back through the graph. */
#ifndef SP_LSTM_BACKSUB_IMPL_H
#define SP_LSTM_BACKSUB_IMPL_H

#include "lstm/backsub/backsub.h"
#include "lstm/boxes/boxes.h"
#include "relax/sum.h"

/* Rows of one clip are handled in tiles; on the CPU of this fixed height, so that neither threads
 * nor batches change a bit. SP_BACKSUB_DEVICE_STEPS: steps of a cell whose input products a
 * device does together.
 */
enum { SP_BACKSUB_TILE = 64, SP_BACKSUB_DEVICE_STEPS = 16 };
/* Relaxations that rows may choose from: nine anchors and the static one. */
enum {
    SP_BACKSUB_ANCHORS = 9,
    SP_BACKSUB_MENU_PLANES = SP_BACKSUB_ANCHORS + 1,
    SP_BACKSUB_CURVE_LINES = 3
};

/** sp_backsub_relaxations - of a node at one frame: the lines of a curve ([0]), the planes and
 *  lines of a cell's variables, and the cuts of their boxes. */
typedef struct sp_backsub_relaxations {
    sp_gpu_menu menu[SP_CELL_VARIABLES];
    sp_cut *cut[SP_CELL_VARIABLES]; /* [H]; NULL: boxes are not cut */
} sp_backsub_relaxations;

/** sp_backsub_is_cut - whether the box of a variable of a cell may be cut: a product of a
 *  pre-activation and of one, a state or a sum. */
static inline bool sp_backsub_is_cut(const sp_cell_steps *steps, int v) {
    const sp_cell_variable *at = &steps->variable[v];
    return at->op == SP_CELL_PRODUCT && steps->variable[at->a].op == SP_CELL_IMAGE &&
           steps->variable[at->b].op != SP_CELL_CURVE &&
           steps->variable[at->b].op != SP_CELL_PRODUCT;
}

/** sp_backsub_folds - whether coefficients on variable v of a cell, a pre-activation, come out of
 *  products and curves alone, whose constants then hold its bias (gpu/ops.h, fold), or from rows
 *  that start there. */
static inline bool sp_backsub_folds(const sp_cell_steps *steps, int v) {
    bool folds =
        v != SP_NO_VARIABLE && v != steps->output && steps->variable[v].op == SP_CELL_IMAGE;
    for (size_t i = 0; folds && i < steps->count; i++) {
        const sp_cell_variable *u = &steps->variable[i];
        folds = (u->a != v && u->b != v) || u->op == SP_CELL_PRODUCT || u->op == SP_CELL_CURVE;
    }
    for (size_t i = 0; folds && i < steps->states; i++) {
        folds = steps->state[i].after != v;
    }
    return folds;
}

/** sp_backsub_choices - the relaxations that the rows of a tile chose at a node at one frame. */
typedef struct sp_backsub_choices {
    unsigned char *entry[SP_CELL_VARIABLES]; /* [rows, n] */
    float *anchor[SP_CELL_VARIABLES];        /* lines [rows, n]; products [2, rows, n] */
} sp_backsub_choices;

/** sp_backsub_rows - coefficients (or values) [rows, ld], or none. */
typedef struct sp_backsub_rows {
    sp_boxes_array at;
    size_t ld;
} sp_backsub_rows;
static const sp_backsub_rows sp_backsub_no_rows = {{NULL}, 0};
/** sp_backsub_apart - how far apart rows of n coefficients stand that loops take a few columns at a
 *  time: an odd number of 64 bytes, or the rows of a tile would meet in a few sets of the first
 *  cache. */
static inline size_t sp_backsub_apart(size_t n) {
    return n % 16 == 0 ? n + 8 : n;
}
static inline bool sp_backsub_rows_are(sp_backsub_rows rows) {
    return rows.at.on != NULL;
}
static inline sp_backsub_rows sp_backsub_rows_from(sp_backsub_rows rows, size_t row) {
    const sp_backsub_rows from = {sp_boxes_array_at(rows.at, row * rows.ld), rows.ld};
    return from;
}

/** sp_backsub_span - frames [first, end) of a node on which a walk has coefficients. */
typedef struct sp_backsub_span {
    size_t first, end;
} sp_backsub_span;

/** sp_backsub_workspace - the buffers of one tile of rows of each clip; nothing is allocated
 *  while walking.
 */
/** sp_backsub_split - a part of the noises: those for which number `column` of the pre-activations
 *  of a cell at a step, or of the argument of a curve, is at least `at` (above), or at most. */
typedef struct sp_backsub_split {
    size_t node, t, column;
    bool above;
    double at;
} sp_backsub_split;

/** sp_backsub_part - the part of the noises that is bounded: in all of these halfspaces, on this
 *  side of all splits. */
enum { SP_BACKSUB_MOST_SPLITS = 24 };
typedef struct sp_backsub_part {
    size_t halves, splits;
    const sp_halfspace *half[SP_BACKSUB_MOST_SPLITS + 1]; /* borrowed */
    sp_backsub_split split[SP_BACKSUB_MOST_SPLITS];
} sp_backsub_part;

typedef struct sp_backsub_workspace {
    sp_boxes_array *slot;  /* [slots] coefficients on nodes, [frames, rows, apart]; see slot_of */
    sp_backsub_span *span; /* [nodes] */
    sp_boxes_array gates;  /* [steps, rows, images H apart] of a cell's pre-activations */
    sp_boxes_array *own;   /* [SP_CELL_VARIABLES] [rows, H apart] of a cell's other variables */
    sp_boxes_array spare;  /* [rows, widest apart] */
    sp_boxes_array band; /* [rows, bands] coefficients on the bands, where features are not these */
    sp_boxes_array energy; /* [rows, bands] coefficients on the energies, with bins */
    sp_boxes_array form;   /* [rows, forms] on the linear forms of a frame, or their values */
    sp_boxes_array sample; /* [rows, frame] on the samples of the frame at hand, or samples */
    sp_boxes_array trial;  /* [rows, frame] where energies are met: noises of the frame at hand */
    sp_boxes_array turned; /* [rows, frame] what these make of the coefficients */
    sp_boxes_array wave;   /* [2, rows, rows of the spectrum] */
    sp_boxes_array carry;  /* [rows, frame - step] of them those that the frame before shares */
    sp_boxes_array bias, mass, support; /* [rows] */
    sp_boxes_array rough; /* [rows] single: the mass of products in single precision */
    sp_boxes_array slope; /* [rows, slope width] on all samples, or none, see `slopes` */
    float *narrow, *wide; /* operand and result of products in single precision, if there are any */
    double flops;         /* of the matrix products done here */
    // only where rows choose their relaxations:
    sp_backsub_choices *choices; /* as sp_backsub_relaxations */
    unsigned char *entries;  /* what `choices` and `feature` point into, in the order of nodes */
    unsigned char **bin;     /* [T] [rows, bins]: entry of each bin's square, with bins */
    unsigned char **feature; /* [T] [rows, bands]: entry of each feature's line */
    float **feature_anchor;  /* [T] [rows, bands] */
    int **peak;              /* [T] [rows]: which peak bounds the squares, see gpu/ops.h */
    unsigned char *sign;     /* [rows, signs_width]: whether the coefficient on a sample is >= 0 */
    double *influence; /* NULL, or [entries_end]: receives the rows' coefficients, see the start */
} sp_backsub_workspace;

/** sp_backsub_source - what walks read of the front end, where the backend reads it. */
typedef struct sp_backsub_source {
    sp_boxes_matrix form; /* [T forms, frame] clip */
    bool narrow;          /* the forms of all clips fit into floats */
    sp_boxes_matrix matrix, spectrum, mel;
    sp_boxes_array matrix_bias, mel_bias, peak; /* of all clips */
    sp_boxes_array form_min, form_max;          /* [T, forms] clip: their least and largest */
    sp_boxes_array radius, square, energy;      /* clip, as in sp_front_bound */
    sp_boxes_array feature_omega, energy_omega; /* clip */
    double *loud; /* [T, bands] where energies are met: sum of share R^2, R the reach of a row */
    sp_gpu_menu *line, *bin_line; /* [T] clip */
} sp_backsub_source;

typedef struct sp_backsub {
    sp_boxes boxes; /* first: sp_boxes_refinement's functions are handed this */
    sp_backsub_options options;
    sp_backsub_part part;
    const double *goal;      /* borrowed, or NULL: see the task */
    bool parts;              /* rows that miss it are bounded on parts of the noises */
    bool lines;              /* lines or halfspaces are asked for, or parts are made */
    const sp_noise_set *set; /* of the samples */
    bool energies;           /* rows have the energies of their own worst noise */
    bool sums;               /* products of one sum have planes together */
    bool slopes;             /* rows keep their coefficients on all samples: for these, or for
                                   choices under a set that signs do not attain */
    size_t tile;             /* rows of each clip that are walked at once; whole tiles */
    size_t threads;          /* workspaces */
    size_t steps; /* of a cell whose input products are done together: one on the CPU, hot */
    sp_boxes_array gamma; /* [1] clip: of the number of roundings that any one term can meet */
    sp_backsub_source source;
    sp_backsub_relaxations *relaxations; /* as states */
    size_t *slot_of;                     /* [nodes] */
    size_t *slot_size;                   /* [nodes] */
    size_t slots;
    sp_backsub_workspace *work; /* [threads] */
    size_t entries_end;         /* numbers in `entries` */
    size_t *entries_at;         /* [nodes + 1] in `entries`, per row, and per frame of a node */
    size_t *entries_frame;      /* [nodes] */
    sp_boxes_array
        unit; /* [2 n, n], n = widest box: rows e_0, -e_0, e_1, -e_1, ...: those of a box */
    size_t unit_width;
    size_t most; /* rows of a clip that are bounded at once, at most: 2 n or those of cuts, in whole
                    tiles */
    sp_sum_strip *strip; /* [widest cell, SP_SUM_STRIPS], of the step at hand, with `sums` */
    sp_boxes_array strip_images, strip_other; /* [SP_SUM_STRIPS H, images H], [.., H] their rows */
    sp_boxes_array box_lower;                 /* [clips, most] their lower bounds */
    sp_boxes_array row_error;                 /* [clips, most] error terms of final rows */
    sp_boxes_array objective;                 /* [clips, most, classes] final rows, on a device */
    int *settled,
        *settled_here;      /* [clips, most / SP_BACKSUB_TILE] tiles that are positive; a copy */
    sp_status *task_status; /* [widest] */
} sp_backsub;

static inline sp_backsub_relaxations *sp_backsub_relaxations_at(const sp_backsub *self, size_t node,
                                                                size_t t) {
    return self->relaxations + self->boxes.first[node] + t;
}

/** sp_backsub_rows_choose - whether rows record the relaxations that they use.
 *  sp_backsub_features_choose - whether they may choose the lines of the features: the joint
 *  front end has several for each. */
bool sp_backsub_rows_choose(const sp_backsub *self);
bool sp_backsub_features_choose(const sp_backsub *self);
/** sp_backsub_whole_tiles - n rounded up to whole tiles, one at least. */
static inline size_t sp_backsub_whole_tiles(size_t n) {
    return n > SP_BACKSUB_TILE ? (n + SP_BACKSUB_TILE - 1) / SP_BACKSUB_TILE * SP_BACKSUB_TILE
                               : SP_BACKSUB_TILE;
}

/** sp_backsub_sign_at - where the samples of frame t start in a row of signs;
 *  sp_backsub_sign_width - a row's length. sp_backsub_samples_read - how many of the padded
 *  samples the frames reach. */
static inline size_t sp_backsub_sign_at(const sp_front_bound *front, size_t t) {
    return t * (front->joint ? front->step : front->frame);
}
static inline size_t sp_backsub_sign_width(const sp_front_bound *front) {
    return sp_backsub_sign_at(front, front->frames - 1) + front->frame;
}
/** sp_backsub_slope_width - a row's length of coefficients on all samples; these of frame t
 *  start at sp_backsub_sign_at. */
static inline size_t sp_backsub_slope_width(const sp_front_bound *front) {
    return front->joint ? front->padded : sp_backsub_sign_width(front);
}
static inline size_t sp_backsub_samples_read(const sp_front_bound *front) {
    return (front->frames - 1) * front->step + front->frame;
}

/* ---- making it: the functions of sp_boxes_refinement ---- */

void sp_backsub_carve(sp_boxes *boxes, sp_boxes_carver *carver);                       /* plan.c */
void sp_backsub_carve_clip(sp_boxes *boxes, sp_boxes_carver *carver);                  /* plan.c */
void sp_backsub_carve_inputs(sp_boxes *boxes, sp_boxes_carver *carver, size_t frames); /* plan.c */
void sp_backsub_fill_inputs(sp_boxes *boxes, const sp_front_bound *front); /* source.c */
SP_NODISCARD sp_status sp_backsub_prepare(sp_error *err, sp_boxes *boxes); /* source.c */
SP_NODISCARD sp_status sp_backsub_send_front(sp_error *err, sp_boxes *boxes, size_t clip);
void sp_backsub_tighten(sp_boxes *boxes, size_t node, size_t t, int first, int end); /* tighten.c */
SP_NODISCARD sp_status sp_backsub_relax(sp_error *err, sp_boxes *boxes, size_t node, size_t t,
                                        int first, int end); /* relax.c */

/** sp_backsub_is_summed - whether the two terms of variable `sum` have planes together.
 *  sp_backsub_shared - how many entries of each side of a product's menu are of these
 *  (sum_choice.c). sp_backsub_relax_sum - fills these entries; `first`: the first variable that is
 *  not known (sums.c). */
bool sp_backsub_is_summed(const sp_cell_steps *steps, int sum);
size_t sp_backsub_shared(const sp_backsub *self, const sp_cell_steps *steps, int product);
void sp_backsub_relax_sum(sp_backsub *self, size_t node, size_t t, int first, int sum);

/** sp_backsub_init - everything but the objectives: all boxes. `self` is zeroed. */
SP_NODISCARD sp_status sp_backsub_init(sp_error *err, sp_backsub *self, const sp_bound_task *task,
                                       const sp_backsub_options *options);
void sp_backsub_clear(sp_backsub *self);
size_t sp_backsub_room(const sp_bound_task *task, const void *options);
size_t sp_backsub_bytes(const sp_bound_task *task, const void *options, bool device);

/* ---- rows ---- */

enum { SP_BACKSUB_START_VARIABLES = 2 };

/** sp_backsub_start - the variables that rows stand on: those of a node at a frame of its
 *  sequence; or variables inside a cell at one of its steps. */
typedef struct sp_backsub_start {
    size_t node, t;
    bool common; /* every clip has the same rows; otherwise those of each clip follow each other */
    sp_backsub_rows output; /* on the node's numbers [., width] */
    /* inside a cell, whose variables below `end` are known: on the pre-activations [., images H]
     * and on other variables [., H] */
    int end;
    sp_backsub_rows images;
    sp_backsub_rows on[SP_BACKSUB_START_VARIABLES];
    int variable[SP_BACKSUB_START_VARIABLES];
    const sp_gpu_cut_rows_args *cuts; /* NULL, or: rows of cuts, made where they are walked */
    int cut_variable;                 /* the variable besides pre-activations that these stand on */
    sp_halfspace *line;   /* NULL, or [.]: receives the line that attains each row's bound */
    const double *weight; /* NULL, or [.]: with which coefficients on products and curves are added
                             up, in absolute values, in the influence of the workspaces */
    const double *goal;   /* NULL, or [.]: rows above it need not be improved */
} sp_backsub_start;

typedef struct sp_walk sp_walk;

/** sp_walk_mixer - rows whose products take mixtures of planes: what replaces `product` and
 *  `value` of ops.h for variable v of a node at step t. */
typedef struct sp_walk_mixer {
    void (*back)(void *mixture, sp_walk *walk, size_t node, size_t t, int v, sp_backsub_rows in,
                 sp_backsub_rows x, sp_backsub_rows y, bool add);
    void (*value)(void *mixture, sp_walk *walk, size_t node, size_t t, int v, sp_backsub_rows x,
                  sp_backsub_rows y, sp_backsub_rows out);
} sp_walk_mixer;

/** sp_walk - one tile of rows on its way. */
struct sp_walk {
    sp_backsub *self;
    sp_backsub_workspace *ws;
    const sp_backsub_start *start;
    size_t row;        /* the tile's first row among those of the start */
    size_t rows, span; /* of all clips, and of each */
    bool choosing;     /* rows use and record the entries in ws->choices */
    bool fresh;        /* these are the standard ones: they need not be read */
    bool last;         /* no step of the anchors follows the next one */
    const sp_walk_mixer
        *mixer; /* NULL, or: products take its mixtures, lines record their entries */
    void *mixture;
    bool meeting; /* rows have the energies of their own worst noise */
    bool late;    /* the deadline passed inside the walk: it proved nothing */
};

/** sp_walk_back - fills ws->bias, mass and support of the tile (walk_back.c), or sets walk->late,
 *  which the CPU's walks do. */
void sp_walk_back(sp_walk *walk);
/** sp_walk_forward - after a walk back with `choosing`: runs the noise that attains each row's
 *  bound forward through the chosen relaxations and chooses the entries anew at the damped values
 *  that their arguments take there (walk_forward.c). iteration counts from 0. Nothing here needs to
 *  be sound: whatever is chosen, the next walk back proves its own bound. */
void sp_walk_forward(sp_walk *walk, size_t iteration);
/** sp_walk_within - after the walk itself, with the coefficients on all samples in ws->slope:
 *  bounds the rows on the halfspaces of the part at hand (halfspace.c). */
void sp_walk_within(sp_walk *walk);
/** sp_walk_reset - every row of the tile starts with the standard relaxations. */
void sp_walk_reset(sp_walk *walk);

/** sp_backsub_lower_rows - lower bounds of rows by back-substitution to the samples.
 *  O lower [clips, rows], clips `most` doubles apart; error the same or none: the rounding term
 *  subtracted in it.
 *  iterations > 0: every row chooses its relaxations, best bound kept. stop_positive: a tile ends
 *  when all its bounds are positive. Deterministic for any number of threads. */
void sp_backsub_lower_rows(sp_backsub *self, sp_boxes_array lower, sp_boxes_array error,
                           const sp_backsub_start *start, size_t rows, size_t iterations,
                           bool stop_positive);
/** sp_backsub_keep_rows - raises lower [rows] (and sets error, or NULL) where the walk just done
 *  proved more; returns whether all are positive. Memory of the program. */
bool sp_backsub_keep_rows(const sp_walk *walk, double *lower, double *error);

/** sp_backsub_apply_splits - meets the box of the numbers [column, column + n) that splits speak of
 *  with the side of the part at hand (splits.c). sp_backsub_choose_split - where to cut it next:
 *  the kink or the gate whose relaxation costs the boxes of later steps most; false: there is none.
 *  sp_backsub_split_halves - the halfspaces that hold its lower ([0]) and its upper side. */
void sp_backsub_apply_splits(const sp_backsub *self, size_t node, size_t t, size_t column, size_t n,
                             sp_boxes_range box);
SP_NODISCARD sp_status sp_backsub_choose_split(sp_error *err, sp_backsub *self, const double *row,
                                               sp_backsub_split *split, bool *found);
void sp_backsub_split_halves(sp_backsub *self, const sp_backsub_split *split, sp_halfspace *half);
/** sp_backsub_branch - raises the lower bound of a final row that misses its goal to the least of
 *  the bounds on parts that cover the noises (branch.c). */
SP_NODISCARD sp_status sp_backsub_branch(sp_error *err, sp_backsub *self, double *lower,
                                         double *error, const double *weight, double goal);
/** sp_backsub_final_rows - rows [., classes] of objectives. */
sp_backsub_start sp_backsub_final_rows(const sp_backsub *self, sp_boxes_array weight);

/** sp_backsub_margins, sp_backsub_lines, ... - the functions of the domain. */
void sp_backsub_answer(void *self, size_t frame, const double *goal);
SP_NODISCARD sp_status sp_backsub_margins(sp_error *err, void *self, double *lower, double *error,
                                          const double *weight, size_t rows);
void sp_backsub_box(void *self, size_t node, size_t frame, int variable, const double **lo,
                    const double **hi);
SP_NODISCARD sp_status sp_backsub_evidence(sp_error *err, void *self, sp_domain_planes *planes,
                                           bool *zero, size_t node, size_t frame, int variable);
void sp_backsub_spent(void *self, double *flops, size_t *moved);

/* ---- what walks share (walk.c) ---- */

/** sp_walk_rows - how many rows there are at a frame of a node: of the clips that have it. */
size_t sp_walk_rows(const sp_walk *walk, size_t node, size_t t);
/** sp_walk_on - the coefficients on a node at a frame. sp_walk_open - makes frames of a node ready;
 *  true: they hold something already and must be added to. */
sp_backsub_rows sp_walk_on(const sp_walk *walk, size_t node, size_t frame);
bool sp_walk_open(sp_walk *walk, size_t node, size_t first, size_t end);
/** sp_walk_begin - the tile's rows of those that the start names: of each clip, or common. */
void sp_walk_begin(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows from, sp_backsub_rows to);
sp_gpu_rows sp_walk_at(const sp_walk *walk, size_t rows);
/** sp_walk_multiply - c [rows, n] = a [rows, k] b [k, n] (+ c for add), in single precision where
 *  b has floats. omega [k] >= |b| |v| of the variables v of the columns; |a| omega is in the rows'
 *  mass. In single precision c is taken around the middles of `box`, that of its columns, and what
 *  that takes of a stands in sp_walk_centre. */
void sp_walk_multiply(sp_walk *walk, size_t rows, size_t n, size_t k, sp_backsub_rows a,
                      sp_boxes_array omega, sp_boxes_matrix b, sp_boxes_range box, bool add,
                      sp_backsub_rows c);
/** sp_walk_centre - rows that pass n affine outputs whose products are in single precision: bias +=
 *  a . shift, rough += |a| . |spread|; shift may be none. */
void sp_walk_centre(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows a, sp_boxes_array shift,
                    sp_boxes_array spread);
/** sp_walk_narrow_product - c [rows, n] = a [rows, k] b [k, n], or += for add, in single
 *  precision. The rows of `count` clips follow each other, their matrices b stand `step` floats
 *  apart. */
typedef struct sp_walk_narrow_product {
    size_t rows, n, k, count, step, ldb;
    sp_backsub_rows a;
    sp_boxes_array omega;         /* [k] clip */
    sp_boxes_array shift, spread; /* as in sp_walk_centre; spread none: that is done already */
    const float *b;
    sp_boxes_range box; /* none: the middles are 0 */
    bool again;         /* the same coefficients as in the product before, in the same place */
    bool add;
    sp_backsub_rows c;
} sp_walk_narrow_product;
void sp_walk_multiply_narrow(sp_walk *walk, const sp_walk_narrow_product *product);
/** sp_walk_multiply_wide - the same in double, of any number of rows. */
void sp_walk_multiply_wide(sp_walk *walk, size_t rows, size_t n, size_t k, sp_backsub_rows a,
                           sp_boxes_matrix b, bool add, sp_backsub_rows c);
/** sp_walk_affine - rows that pass n affine outputs: bias += a . b, mass += |a| . omega. */
void sp_walk_affine(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows a, sp_boxes_array b,
                    sp_boxes_array omega);
/** sp_walk_weigh_mass - mass += |a| . size. */
void sp_walk_weigh_mass(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows a,
                        sp_boxes_array size);
/** sp_walk_scalars - coefficients on n scalars to those on the arguments of their lines. */
void sp_walk_scalars(sp_walk *walk, size_t rows, sp_backsub_rows in, const sp_gpu_menu *lines,
                     bool split, sp_backsub_rows x);
/** sp_walk_product, sp_walk_line - from coefficients on variable v of a node at t to those on its
 *  arguments; x may be `in` of lines. */
void sp_walk_product(sp_walk *walk, size_t rows, size_t node, size_t t, int v, sp_backsub_rows in,
                     sp_backsub_rows x, sp_backsub_rows y, bool add);
void sp_walk_line(sp_walk *walk, size_t rows, size_t node, size_t t, int v, sp_backsub_rows in,
                  sp_backsub_rows x);
/** sp_walk_set - to [rows, columns] = from, or 0. sp_walk_add - to = a + b or, for `minus`,
 *  a - b. */
void sp_walk_set(sp_walk *walk, size_t rows, size_t columns, sp_backsub_rows from,
                 sp_backsub_rows to);
void sp_walk_add(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows a, sp_backsub_rows b,
                 bool minus, sp_backsub_rows to);
/** sp_walk_menu_pick - each coefficient takes the entry that its row chose. */
void sp_walk_menu_pick(sp_walk *walk, size_t rows, sp_backsub_rows in, const sp_gpu_menu *menu,
                       unsigned char *choice, sp_backsub_rows x, sp_backsub_rows y, bool add);

/* forward */
/** sp_walk_weigh - out [rows, n] += in [rows, k] weights^T. sp_walk_bias - bias [n] into all
 *  rows. */
void sp_walk_weigh(sp_walk *walk, size_t rows, size_t n, size_t k, sp_backsub_rows in,
                   sp_boxes_matrix weight, sp_backsub_rows out);
void sp_walk_bias(sp_walk *walk, size_t rows, size_t n, sp_boxes_array bias, sp_backsub_rows out);
/** sp_walk_value - values of the arguments of n products, and their boxes. */
typedef struct sp_walk_value {
    sp_backsub_rows at;
    sp_boxes_range box;
} sp_walk_value;
/** sp_walk_menu_value - out = the chosen entries at x and y (lines: at x alone). out may be x.
 *  sp_walk_menu_choose - new entries at the damped values (gpu/ops.h, choose). */
void sp_walk_menu_value(sp_walk *walk, size_t rows, const sp_gpu_menu *menu,
                        const unsigned char *choice, sp_backsub_rows x, sp_backsub_rows y,
                        sp_backsub_rows out);
void sp_walk_menu_choose(sp_walk *walk, size_t rows, const sp_gpu_menu *menu, sp_walk_value x,
                         sp_walk_value y, size_t iteration, float *anchor, unsigned char *choice);
/** sp_walk_product_value, sp_walk_line_value - values of variable v into out, then its new choice.
 */
void sp_walk_product_value(sp_walk *walk, size_t rows, size_t node, size_t t, int v,
                           sp_walk_value x, sp_walk_value y, size_t iteration, sp_backsub_rows out);
void sp_walk_line_value(sp_walk *walk, size_t rows, size_t node, size_t t, int v, sp_walk_value x,
                        size_t iteration, sp_backsub_rows out);
sp_backsub_choices *sp_backsub_choices_at(const sp_walk *walk, size_t node, size_t t);
/** sp_walk_choose_sum - once both terms of variable `sum` chose: takes entries that they share
 *  where that is better (sum_choice.c). */
void sp_walk_choose_sum(const sp_walk *walk, size_t rows, size_t node, size_t t, int sum);

/* ---- the kinds of nodes ---- */

/** sp_walk_source_back - from coefficients on the features to the samples (source_walk.c);
 *  sp_walk_cell_back - through a cell (cell_walk.c). sp_walk_source_forward, sp_walk_cell_forward -
 *  values. */
void sp_walk_source_back(sp_walk *walk);
void sp_walk_source_forward(sp_walk *walk, size_t iteration);
void sp_walk_cell_back(sp_walk *walk, size_t node);
void sp_walk_cell_forward(sp_walk *walk, size_t node, size_t iteration);

/** sp_walk_energy - with a frame's coefficients on its samples in ws->sample, and those on its
 *  forms in ws->form: moves what the bias holds of energies to the samples where that is better.
 *  sp_backsub_fill_energies - what it reads of the clip (source_energy.c). */
void sp_walk_energy(sp_walk *walk, size_t rows, size_t t);
/** sp_walk_energy_value - forward, with the worst samples in ws->sample: features on upper lines
 *  lose what the squares of the noise have less than their most; x, by which lines are chosen, is
 *  moved to the energies there. */
void sp_walk_energy_value(sp_walk *walk, size_t rows, size_t t, sp_backsub_rows x,
                          sp_backsub_rows feature);
void sp_backsub_fill_energies(sp_backsub *self, const sp_front_bound *front);

/** sp_backsub_source_silent - whether no sample of frame t moves, as far as the program can see. */
bool sp_backsub_source_silent(const sp_backsub *self, size_t t);

#endif
