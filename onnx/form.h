/* Private to onnx/: numbers inside the body of a Loop, as polynomials of one step of the input, of
 * the states that the Loop carries, and of activations of such polynomials. */
#ifndef SP_ONNX_FORM_H
#define SP_ONNX_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "net/net.h"

struct sp_reader;

/** sp_symbol - a variable: feature j of the step, unit j of a state, or an activation. */
typedef uint32_t sp_symbol;
#define SP_NO_SYMBOL ((sp_symbol)0)
#define SP_SYMBOL_FEATURE ((sp_symbol)1 << 28) /* + j */
#define SP_SYMBOL_STATE ((sp_symbol)2 << 28)   /* + state << 22, + j */
#define SP_SYMBOL_ATOM ((sp_symbol)4 << 28)    /* + index */
enum { SP_MOST_FACTORS = 3, SP_MOST_UNITS = 1 << 22, SP_MOST_STATES = 32 };

/** sp_monomial - factor times a product of symbols, which descend; SP_NO_SYMBOL fills up the rest.
 */
typedef struct sp_monomial {
    double factor;
    sp_symbol symbol[SP_MOST_FACTORS];
    uint32_t order; /* of sums: where the term stood before sorting */
} sp_monomial;

/** sp_form - scale times a sum of terms with different symbols, sorted, plus shift. scale and shift
 *  are kept apart so that activations find the weights and their alpha and beta as the file has
 *  them. */
typedef struct sp_form {
    const sp_monomial *term; /* [terms] borrowed from the heap */
    size_t terms;
    double scale, shift;
} sp_form;

typedef enum {
    SP_ATOM_SIGMOID,
    SP_ATOM_TANH,
    SP_ATOM_CLIP /* min(max(argument, lo), hi) */
} sp_atom_kind;

/** sp_atom - an activation of a form. */
typedef struct sp_atom {
    sp_atom_kind kind;
    double lo, hi; /* CLIP only; one of them may be infinite */
    sp_form argument;
} sp_atom;

/** sp_algebra - what the symbols of one iteration of a Loop stand for. */
typedef struct sp_algebra {
    sp_atom *atom; /* [atoms] owned */
    size_t atoms, atom_room;
    uint32_t *slot; /* [slots] owned: hash table of atom + 1; slots is 0 or a power of two */
    size_t slots;
    bool reads;                 /* a step was read, namely: */
    size_t source, step, width; /* block, step and number of features */
    size_t steps;               /* that the input has; 0: not read yet */
} sp_algebra;

void sp_algebra_init(sp_algebra *algebra);
void sp_algebra_clear(sp_algebra *algebra);
/** sp_algebra_reset - forgets the atoms and the step, for the next iteration. */
void sp_algebra_reset(sp_algebra *algebra);

static inline bool sp_form_is_constant(const sp_form *form) {
    return form->terms == 0;
}
static inline sp_form sp_form_constant(double value) {
    return (sp_form){.scale = 1.0, .shift = value};
}
/** sp_form_same - the same polynomial, number by number, when both are normal. */
bool sp_form_same(const sp_form *a, const sp_form *b);
/** sp_form_symbol - one symbol. */
SP_NODISCARD sp_status sp_form_symbol(struct sp_reader *r, sp_form *form, sp_symbol symbol);
/** sp_form_normalise - the same number with scale 1 and shift 0. */
SP_NODISCARD sp_status sp_form_normalise(struct sp_reader *r, sp_form *form);
/** sp_form_affine - factor a + shift, exact in scale and shift for a product or a sum alone. */
sp_form sp_form_affine(const sp_form *a, double factor, double shift);
SP_NODISCARD sp_status sp_form_add(struct sp_reader *r, sp_form *sum, const sp_form *a,
                                   const sp_form *b);
SP_NODISCARD sp_status sp_form_multiply(struct sp_reader *r, sp_form *product, const sp_form *a,
                                        const sp_form *b);
/** sp_form_combine - sum_i weight[i stride] form[i form_stride]. */
SP_NODISCARD sp_status sp_form_combine(struct sp_reader *r, sp_form *sum, const sp_form *form,
                                       size_t form_stride, const double *weight, size_t stride,
                                       size_t count);
/** sp_form_activate - SIGMOID or TANH of a form that is not constant. */
SP_NODISCARD sp_status sp_form_activate(struct sp_reader *r, sp_form *result, sp_atom_kind kind,
                                        const sp_form *a);
/** sp_form_clip - min(max(a, lo), hi), lo <= hi, of a form that is not constant. Between two
 *  finite limits it is written by the clip to [0, 1]. */
SP_NODISCARD sp_status sp_form_clip(struct sp_reader *r, sp_form *result, const sp_form *a,
                                    double lo, double hi);

/** sp_cell_recognise - the cell whose next state the forms [hidden] are, its arrays on the heap;
 *  SP_E_UNSUPPORTED when they are neither a GRU nor an RNN. Normalises the forms. */
SP_NODISCARD sp_status sp_cell_recognise(struct sp_reader *r, sp_cell *cell, sp_form *next,
                                         size_t hidden);
/** sp_cell_same - equal in every number. */
bool sp_cell_same(const sp_cell *a, const sp_cell *b);

#endif
