/* Polynomials inside the body of a Loop: sums, products, and activations, which become symbols. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

/* ---- terms ---- */

static int compare_symbols(const sp_onnx_monomial *a, const sp_onnx_monomial *b) {
    for (size_t i = 0; i < SP_ONNX_MOST_FACTORS; i++) {
        if (a->symbol[i] != b->symbol[i]) {
            return a->symbol[i] < b->symbol[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Equal symbols keep their order, so that sums do not depend on the sorting. */
static int compare_terms(const void *a, const void *b) {
    const sp_onnx_monomial *p = a, *q = b;
    const int order = compare_symbols(p, q);
    return order != 0 ? order : p->order < q->order ? -1 : p->order > q->order;
}

static sp_status overflows(sp_onnx_reader *r) {
    return sp_onnx_refuse(r, SP_E_NONFINITE, "a weight that it computes is not a finite number");
}

/* Makes `count` terms a polynomial: sorts them, adds up equal symbols, and drops what cancels. */
static sp_status collect(sp_onnx_reader *r, sp_onnx_polynomial *polynomial, sp_onnx_monomial *term,
                         size_t count) {
    for (size_t i = 0; i < count; i++) {
        term[i].order = (uint32_t)i;
    }
    qsort(term, count, sizeof *term, compare_terms);
    size_t kept = 0;
    for (size_t i = 0; i < count;) {
        sp_onnx_monomial sum = term[i++];
        for (; i < count && compare_symbols(&term[i], &sum) == 0; i++) {
            sum.factor += term[i].factor;
        }
        if (!isfinite(sum.factor)) {
            return overflows(r);
        }
        sum.order = 0;
        if (sum.factor != 0.0) {
            term[kept++] = sum;
        }
    }
    *polynomial = (sp_onnx_polynomial){.term = term, .terms = kept, .scale = 1.0};
    // What is left may be a number.
    if (kept == 1 && term[0].symbol[0] == SP_ONNX_NO_SYMBOL) {
        *polynomial = sp_onnx_polynomial_constant(term[0].factor);
    }
    return SP_OK;
}

static sp_onnx_monomial *take_terms(sp_onnx_reader *r, size_t count) {
    return count <= UINT32_MAX ? sp_region_take(&r->region, count + 1, sizeof(sp_onnx_monomial))
                               : NULL;
}

/* Appends factor * polynomial to term[*count]. */
static void append(sp_onnx_monomial *term, size_t *count, const sp_onnx_polynomial *polynomial,
                   double factor) {
    for (size_t i = 0; i < polynomial->terms; i++) {
        term[*count] = polynomial->term[i];
        term[(*count)++].factor *= polynomial->scale * factor;
    }
    if (polynomial->shift != 0.0) {
        term[(*count)++] = (sp_onnx_monomial){.factor = polynomial->shift * factor};
    }
}

bool sp_onnx_polynomial_same(const sp_onnx_polynomial *a, const sp_onnx_polynomial *b) {
    if (a->terms != b->terms || !(a->scale == b->scale) || !(a->shift == b->shift)) {
        return false;
    }
    for (size_t i = 0; i < a->terms; i++) {
        if (compare_symbols(&a->term[i], &b->term[i]) != 0 ||
            !(a->term[i].factor == b->term[i].factor)) {
            return false;
        }
    }
    return true;
}

bool sp_onnx_polynomials_same(const sp_onnx_polynomial *a, const sp_onnx_polynomial *b,
                              size_t count) {
    bool same = true;
    for (size_t j = 0; same && j < count; j++) {
        same = sp_onnx_polynomial_same(&a[j], &b[j]);
    }
    return same;
}

/* ---- sums and products ---- */

sp_status sp_onnx_polynomial_symbol(sp_onnx_reader *r, sp_onnx_polynomial *polynomial,
                                    sp_onnx_symbol symbol) {
    sp_onnx_monomial *term = take_terms(r, 1);
    if (!term) {
        return sp_onnx_out_of_memory(r);
    }
    *term = (sp_onnx_monomial){.factor = 1.0, .symbol = {symbol}};
    *polynomial = (sp_onnx_polynomial){.term = term, .terms = 1, .scale = 1.0};
    return SP_OK;
}

sp_status sp_onnx_polynomial_normalise(sp_onnx_reader *r, sp_onnx_polynomial *polynomial) {
    if (sp_onnx_polynomial_is_constant(polynomial) ||
        (polynomial->scale == 1.0 && polynomial->shift == 0.0)) {
        return SP_OK;
    }
    return sp_onnx_polynomial_add(r, polynomial, polynomial, &(sp_onnx_polynomial){.scale = 1.0});
}

sp_onnx_polynomial sp_onnx_polynomial_affine(const sp_onnx_polynomial *a, double factor,
                                             double shift) {
    sp_onnx_polynomial polynomial = *a;
    if (factor == 0.0) {
        return sp_onnx_polynomial_constant(shift);
    }
    polynomial.scale = sp_onnx_polynomial_is_constant(a) ? 1.0 : a->scale * factor;
    polynomial.shift = a->shift * factor + shift;
    return polynomial;
}

/* A number added to a plain sum is a bias and joins the terms; behind a factor it is a shift. */
static bool is_shift(const sp_onnx_polynomial *a, const sp_onnx_polynomial *b) {
    return sp_onnx_polynomial_is_constant(b) && !sp_onnx_polynomial_is_constant(a) &&
           !(a->scale == 1.0 && a->shift == 0.0);
}

sp_status sp_onnx_polynomial_add(sp_onnx_reader *r, sp_onnx_polynomial *sum,
                                 const sp_onnx_polynomial *a, const sp_onnx_polynomial *b) {
    const bool neutral = sp_onnx_polynomial_is_constant(b) && b->shift == 0.0;
    if (sum != a && (is_shift(a, b) || neutral)) {
        *sum = sp_onnx_polynomial_affine(a, 1.0, b->shift);
        return isfinite(sum->shift) ? SP_OK : overflows(r);
    }
    if (sum != a && is_shift(b, a)) {
        *sum = sp_onnx_polynomial_affine(b, 1.0, a->shift);
        return isfinite(sum->shift) ? SP_OK : overflows(r);
    }
    size_t count = 0;
    sp_onnx_monomial *term = take_terms(r, a->terms + b->terms + 2);
    if (!term) {
        return sp_onnx_out_of_memory(r);
    }
    append(term, &count, a, 1.0);
    append(term, &count, b, 1.0);
    return collect(r, sum, term, count);
}

/* The product of two terms; false when it has too many symbols. */
static bool multiply_terms(sp_onnx_monomial *product, const sp_onnx_monomial *a,
                           const sp_onnx_monomial *b) {
    size_t i = 0, j = 0, n = 0;
    *product = (sp_onnx_monomial){.factor = a->factor * b->factor};
    for (;;) {
        const sp_onnx_symbol p = i < SP_ONNX_MOST_FACTORS ? a->symbol[i] : SP_ONNX_NO_SYMBOL;
        const sp_onnx_symbol q = j < SP_ONNX_MOST_FACTORS ? b->symbol[j] : SP_ONNX_NO_SYMBOL;
        if (p == SP_ONNX_NO_SYMBOL && q == SP_ONNX_NO_SYMBOL) {
            return true;
        }
        if (n == SP_ONNX_MOST_FACTORS) {
            return false;
        }
        if (p >= q) {
            product->symbol[n++] = p;
            i++;
        } else {
            product->symbol[n++] = q;
            j++;
        }
    }
}

sp_status sp_onnx_polynomial_multiply(sp_onnx_reader *r, sp_onnx_polynomial *product,
                                      const sp_onnx_polynomial *a, const sp_onnx_polynomial *b) {
    if (sp_onnx_polynomial_is_constant(a) || sp_onnx_polynomial_is_constant(b)) {
        const bool first = sp_onnx_polynomial_is_constant(a);
        *product = sp_onnx_polynomial_affine(first ? b : a, first ? a->shift : b->shift, 0.0);
        return isfinite(product->scale) && isfinite(product->shift) ? SP_OK : overflows(r);
    }
    sp_onnx_polynomial x = *a, y = *b;
    SP_TRY(sp_onnx_polynomial_normalise(r, &x));
    SP_TRY(sp_onnx_polynomial_normalise(r, &y));
    if (y.terms > SIZE_MAX / sizeof(sp_onnx_monomial) / x.terms / 2) {
        return sp_onnx_out_of_memory(r);
    }
    sp_onnx_monomial *term = take_terms(r, x.terms * y.terms);
    if (!term) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < x.terms; i++) {
        for (size_t j = 0; j < y.terms; j++) {
            if (!multiply_terms(&term[i * y.terms + j], &x.term[i], &y.term[j])) {
                return sp_onnx_refuse(
                    r, SP_E_UNSUPPORTED,
                    "it is a product of more than %d quantities that change from step "
                    "to step: no cell has one",
                    SP_ONNX_MOST_FACTORS);
            }
        }
    }
    return collect(r, product, term, x.terms * y.terms);
}

sp_status sp_onnx_polynomial_combine(sp_onnx_reader *r, sp_onnx_polynomial *sum,
                                     const sp_onnx_polynomial *polynomial, size_t polynomial_stride,
                                     const double *weight, size_t stride, size_t count) {
    size_t terms = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        terms += polynomial[i * polynomial_stride].terms + 1;
        if (!isfinite(weight[i * stride])) {
            return sp_onnx_refuse(r, SP_E_NONFINITE,
                                  "a weight is %g: weights must be finite numbers",
                                  weight[i * stride]);
        }
    }
    sp_onnx_monomial *term = take_terms(r, terms);
    if (!term) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < count; i++) {
        append(term, &at, &polynomial[i * polynomial_stride], weight[i * stride]);
    }
    return collect(r, sum, term, at);
}

/* ---- activations ---- */

void sp_onnx_algebra_init(sp_onnx_algebra *algebra) {
    *algebra = (sp_onnx_algebra){0};
}

void sp_onnx_algebra_clear(sp_onnx_algebra *algebra) {
    free(algebra->atom);
    free(algebra->slot);
    *algebra = (sp_onnx_algebra){0};
}

void sp_onnx_algebra_reset(sp_onnx_algebra *algebra) {
    algebra->atoms = 0;
    algebra->reads = false;
    if (algebra->slots > 0) {
        memset(algebra->slot, 0, algebra->slots * sizeof *algebra->slot);
    }
}

static uint64_t mix(uint64_t hash, const void *data, size_t size) {
    const unsigned char *byte = data; // FNV-1a
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t hash_atom(const sp_onnx_atom *atom) {
    const double numbers[4] = {atom->lo, atom->hi, atom->argument.scale, atom->argument.shift};
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), &atom->kind, sizeof atom->kind);
    hash = mix(hash, numbers, sizeof numbers);
    for (size_t i = 0; i < atom->argument.terms; i++) {
        const sp_onnx_monomial *term = &atom->argument.term[i];
        hash = mix(hash, &term->factor, sizeof term->factor);
        hash = mix(hash, term->symbol, sizeof term->symbol);
    }
    return hash;
}

static bool same_atom(const sp_onnx_atom *a, const sp_onnx_atom *b) {
    return a->kind == b->kind && a->lo == b->lo && a->hi == b->hi &&
           sp_onnx_polynomial_same(&a->argument, &b->argument);
}

static bool grow_slots(sp_onnx_algebra *algebra) {
    const size_t slots = algebra->slots == 0 ? 256 : 2 * algebra->slots;
    uint32_t *grown = calloc(slots, sizeof *grown);
    sp_onnx_atom *room = realloc(algebra->atom, slots / 2 * sizeof *room);
    algebra->atom = room ? room : algebra->atom;
    if (!grown || !room) {
        free(grown);
        return false;
    }
    free(algebra->slot);
    algebra->slot = grown;
    algebra->slots = slots;
    algebra->atom_room = slots / 2;
    for (size_t k = 0; k < algebra->atoms; k++) {
        size_t at = hash_atom(&algebra->atom[k]) & (slots - 1);
        while (grown[at] != 0) {
            at = (at + 1) & (slots - 1);
        }
        grown[at] = (uint32_t)(k + 1);
    }
    return true;
}

/* The symbol of an atom; the same for equal ones. */
static sp_status intern(sp_onnx_reader *r, sp_onnx_polynomial *polynomial,
                        const sp_onnx_atom *atom) {
    sp_onnx_algebra *algebra = r->algebra;
    if (algebra->atoms == algebra->atom_room &&
        (algebra->atoms >= SP_ONNX_MOST_UNITS || !grow_slots(algebra))) {
        return sp_onnx_out_of_memory(r);
    }
    size_t at = hash_atom(atom) & (algebra->slots - 1);
    while (algebra->slot[at] != 0 && !same_atom(&algebra->atom[algebra->slot[at] - 1], atom)) {
        at = (at + 1) & (algebra->slots - 1);
    }
    if (algebra->slot[at] == 0) {
        algebra->atom[algebra->atoms] = *atom;
        algebra->slot[at] = (uint32_t)++algebra->atoms;
    }
    return sp_onnx_polynomial_symbol(r, polynomial, SP_ONNX_SYMBOL_ATOM + algebra->slot[at] - 1);
}

sp_status sp_onnx_polynomial_activate(sp_onnx_reader *r, sp_onnx_polynomial *result,
                                      sp_onnx_atom_kind kind, const sp_onnx_polynomial *a) {
    sp_onnx_atom atom = {.kind = kind, .argument = *a};
    SP_TRY(sp_onnx_polynomial_normalise(r, &atom.argument));
    return intern(r, result, &atom);
}

/* The atom that a polynomial is, without factor and shift; NULL when it is none. */
static const sp_onnx_atom *bare_atom(const sp_onnx_reader *r, const sp_onnx_polynomial *a) {
    const sp_onnx_monomial *term = a->term;
    return a->terms == 1 && a->scale == 1.0 && a->shift == 0.0 && term->factor == 1.0 &&
                   term->symbol[0] >= SP_ONNX_SYMBOL_ATOM && term->symbol[1] == SP_ONNX_NO_SYMBOL
               ? &r->algebra->atom[term->symbol[0] - SP_ONNX_SYMBOL_ATOM]
               : NULL;
}

sp_status sp_onnx_polynomial_clip(sp_onnx_reader *r, sp_onnx_polynomial *result,
                                  const sp_onnx_polynomial *a, double lo, double hi) {
    sp_onnx_atom atom = {.kind = SP_ONNX_ATOM_CLIP, .lo = lo, .hi = hi, .argument = *a};
    // min(max(min(max(x, l), h), lo), hi) is one clip again where the limits leave room.
    const sp_onnx_atom *inner = bare_atom(r, a);
    if (inner && inner->kind == SP_ONNX_ATOM_CLIP && inner->lo < hi && lo < inner->hi) {
        atom.argument = inner->argument;
        atom.lo = fmax(lo, inner->lo);
        atom.hi = fmin(hi, inner->hi);
    }
    if (!(atom.lo < atom.hi)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it clips to the empty range %g .. %g", lo, hi);
    }
    const double span = atom.hi - atom.lo;
    if (!isfinite(span)) {
        return intern(r, result, &atom);
    }
    // lo + span min(max((argument - lo) / span, 0), 1)
    const double from = atom.lo;
    if (from != 0.0 || span != 1.0) {
        atom.argument = sp_onnx_polynomial_affine(&atom.argument, 1.0 / span, -from / span);
        atom.lo = 0.0;
        atom.hi = 1.0;
    }
    if (!isfinite(atom.argument.scale) || !isfinite(atom.argument.shift)) {
        return overflows(r);
    }
    sp_onnx_polynomial unit;
    SP_TRY(intern(r, &unit, &atom));
    *result = sp_onnx_polynomial_affine(&unit, span, from);
    return SP_OK;
}

sp_status sp_onnx_polynomial_of_atom(sp_onnx_reader *r, sp_onnx_polynomial *result,
                                     const sp_onnx_atom *atom, const sp_onnx_polynomial *argument) {
    const double x = argument->shift;
    if (sp_onnx_polynomial_is_constant(argument)) {
        *result = sp_onnx_polynomial_constant(
            atom->kind == SP_ONNX_ATOM_SIGMOID ? 1.0 / (1.0 + exp(-x))
            : atom->kind == SP_ONNX_ATOM_TANH  ? tanh(x)
                                               : fmin(fmax(x, atom->lo), atom->hi));
        return SP_OK;
    }
    sp_onnx_atom other = *atom;
    other.argument = *argument;
    SP_TRY(atom->kind == SP_ONNX_ATOM_CLIP ? SP_OK
                                           : sp_onnx_polynomial_normalise(r, &other.argument));
    return intern(r, result, &other);
}
