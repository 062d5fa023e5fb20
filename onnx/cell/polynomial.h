/* Private to onnx/: numbers inside the body of a Loop, as polynomials of one step of the input, of
 * the states that the Loop carries, and of activations of such polynomials. */
#ifndef SP_ONNX_POLYNOMIAL_H
#define SP_ONNX_POLYNOMIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "net/net.h"

struct sp_onnx_reader;

/** sp_onnx_symbol - a variable: feature j of the step, unit j of a state, or an activation. */
typedef uint32_t sp_onnx_symbol;
#define SP_ONNX_NO_SYMBOL ((sp_onnx_symbol)0)
#define SP_ONNX_SYMBOL_FEATURE ((sp_onnx_symbol)1 << 28) /* + j */
#define SP_ONNX_SYMBOL_STATE ((sp_onnx_symbol)2 << 28)   /* + state << 22, + j */
#define SP_ONNX_SYMBOL_ATOM ((sp_onnx_symbol)4 << 28)    /* + index */
enum { SP_ONNX_MOST_FACTORS = 3, SP_ONNX_MOST_UNITS = 1 << 22, SP_ONNX_MOST_STATES = 32 };

/** sp_onnx_monomial - factor times a product of symbols, which descend; SP_ONNX_NO_SYMBOL fills up
 *  the rest.
 */
typedef struct sp_onnx_monomial {
    double factor;
    sp_onnx_symbol symbol[SP_ONNX_MOST_FACTORS];
    uint32_t order; /* of sums: where the term stood before sorting */
} sp_onnx_monomial;

/** sp_onnx_polynomial - scale times a sum of terms with different symbols, sorted, plus shift.
 *  scale and shift are kept apart so that activations find the weights and their alpha and beta as
 *  the file has them. */
typedef struct sp_onnx_polynomial {
    const sp_onnx_monomial *term; /* [terms] borrowed from the region */
    size_t terms;
    double scale, shift;
} sp_onnx_polynomial;

typedef enum {
    SP_ONNX_ATOM_SIGMOID,
    SP_ONNX_ATOM_TANH,
    SP_ONNX_ATOM_CLIP /* min(max(argument, lo), hi) */
} sp_onnx_atom_kind;

/** sp_onnx_atom - an activation of a polynomial. */
typedef struct sp_onnx_atom {
    sp_onnx_atom_kind kind;
    double lo, hi; /* CLIP only; one of them may be infinite */
    sp_onnx_polynomial argument;
} sp_onnx_atom;

/** sp_onnx_algebra - what the symbols of one iteration of a Loop stand for. */
typedef struct sp_onnx_algebra {
    sp_onnx_atom *atom; /* [atoms] owned */
    size_t atoms, atom_room;
    uint32_t *slot; /* [slots] owned: hash table of atom + 1; slots is 0 or a power of two */
    size_t slots;
    bool reads;                 /* a step was read, namely: */
    size_t source, step, width; /* layer, step and number of features */
    size_t steps;               /* that the input has; 0: not read yet */
} sp_onnx_algebra;

void sp_onnx_algebra_init(sp_onnx_algebra *algebra);
void sp_onnx_algebra_clear(sp_onnx_algebra *algebra);
/** sp_onnx_algebra_reset - forgets the atoms and the step, for the next iteration. */
void sp_onnx_algebra_reset(sp_onnx_algebra *algebra);

static inline bool sp_onnx_polynomial_is_constant(const sp_onnx_polynomial *polynomial) {
    return polynomial->terms == 0;
}
static inline sp_onnx_polynomial sp_onnx_polynomial_constant(double value) {
    return (sp_onnx_polynomial){.scale = 1.0, .shift = value};
}
/** sp_onnx_polynomial_same - the same polynomial, number by number, when both are normal. */
bool sp_onnx_polynomial_same(const sp_onnx_polynomial *a, const sp_onnx_polynomial *b);
/** sp_onnx_polynomials_same - the same for `count` of them. */
bool sp_onnx_polynomials_same(const sp_onnx_polynomial *a, const sp_onnx_polynomial *b,
                              size_t count);
/** sp_onnx_polynomial_symbol - one symbol. */
SP_NODISCARD sp_status sp_onnx_polynomial_symbol(struct sp_onnx_reader *r,
                                                 sp_onnx_polynomial *polynomial,
                                                 sp_onnx_symbol symbol);
/** sp_onnx_polynomial_normalise - the same number with scale 1 and shift 0. */
SP_NODISCARD sp_status sp_onnx_polynomial_normalise(struct sp_onnx_reader *r,
                                                    sp_onnx_polynomial *polynomial);
/** sp_onnx_polynomial_affine - factor a + shift, exact in scale and shift for a product or a sum
 *  alone. */
sp_onnx_polynomial sp_onnx_polynomial_affine(const sp_onnx_polynomial *a, double factor,
                                             double shift);
SP_NODISCARD sp_status sp_onnx_polynomial_add(struct sp_onnx_reader *r, sp_onnx_polynomial *sum,
                                              const sp_onnx_polynomial *a,
                                              const sp_onnx_polynomial *b);
SP_NODISCARD sp_status sp_onnx_polynomial_multiply(struct sp_onnx_reader *r,
                                                   sp_onnx_polynomial *product,
                                                   const sp_onnx_polynomial *a,
                                                   const sp_onnx_polynomial *b);
/** sp_onnx_polynomial_combine - sum_i weight[i stride] polynomial[i polynomial_stride]. */
SP_NODISCARD sp_status sp_onnx_polynomial_combine(struct sp_onnx_reader *r, sp_onnx_polynomial *sum,
                                                  const sp_onnx_polynomial *polynomial,
                                                  size_t polynomial_stride, const double *weight,
                                                  size_t stride, size_t count);
/** sp_onnx_polynomial_activate - SIGMOID or TANH of a polynomial that is not constant. */
SP_NODISCARD sp_status sp_onnx_polynomial_activate(struct sp_onnx_reader *r,
                                                   sp_onnx_polynomial *result,
                                                   sp_onnx_atom_kind kind,
                                                   const sp_onnx_polynomial *a);
/** sp_onnx_polynomial_clip - min(max(a, lo), hi), lo <= hi, of a polynomial that is not constant.
 *  Between two finite limits it is written by the clip to [0, 1]. */
SP_NODISCARD sp_status sp_onnx_polynomial_clip(struct sp_onnx_reader *r, sp_onnx_polynomial *result,
                                               const sp_onnx_polynomial *a, double lo, double hi);

/** sp_onnx_polynomial_of_atom - the same activation of another argument, which may be a number. */
SP_NODISCARD sp_status sp_onnx_polynomial_of_atom(struct sp_onnx_reader *r,
                                                  sp_onnx_polynomial *result,
                                                  const sp_onnx_atom *atom,
                                                  const sp_onnx_polynomial *argument);

/** sp_onnx_states - what one iteration makes of its states, whose symbols are numbered alike. */
typedef struct sp_onnx_states {
    size_t count;                                  /* at most SP_ONNX_MOST_STATES */
    size_t width[SP_ONNX_MOST_STATES];             /* units */
    sp_onnx_polynomial *next[SP_ONNX_MOST_STATES]; /* [width] each */
    bool
        copy[SP_ONNX_MOST_STATES]; /* what another state is, and read by none: no cell of its own */
} sp_onnx_states;

/** sp_onnx_found - a cell among them: its output is state h; an LSTM's cell state is c, else
 *  c = h. */
typedef struct sp_onnx_found {
    sp_cell cell;
    size_t h, c;
    const double *start[SP_CELL_STATES]; /* [out] h and c before the first step; NULL: zeros */
} sp_onnx_found;

/** sp_onnx_cells_recognise - the cells whose next states these are, found[*cells], their arrays on
 *  the region: the first reads the step, each other one the output of the one before.
 *  SP_E_UNSUPPORTED when they are no such stack. Normalises the polynomials. */
SP_NODISCARD sp_status sp_onnx_cells_recognise(struct sp_onnx_reader *r, sp_onnx_found *found,
                                               size_t *cells, const sp_onnx_states *states);
/** sp_onnx_cell_same - equal in every number. */
bool sp_onnx_cell_same(const sp_cell *a, const sp_cell *b);

#endif
