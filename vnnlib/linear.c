/* Comparisons of arithmetic expressions as linear constraints. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vnnlib/impl.h"

/* form - a sum in the making: terms in any order, and a constant. */
typedef struct form {
    sp_vnnlib_term *term; /* owned */
    size_t terms, room;
    sp_vnnlib_number constant;
} form;

static const sp_vnnlib_number one = {1.0, 0.0}, minus_one = {-1.0, 0.0};

static sp_status push(sp_vnnlib_reader *r, form *f, size_t variable, sp_vnnlib_number factor) {
    if (f->terms == f->room) {
        const size_t room = 2 * f->room + 8;
        sp_vnnlib_term *grown = realloc(f->term, room * sizeof *grown);
        if (grown == NULL) {
            return sp_vnnlib_out_of_memory(r->err);
        }
        f->term = grown;
        f->room = room;
    }
    f->term[f->terms++] = (sp_vnnlib_term){variable, factor.value, factor.error};
    return SP_OK;
}

/* A number of the file. In single precision it is the nearest float, or the number itself. */
static bool read_number(sp_vnnlib_number *number, const sp_vnnlib_reader *r, const char *text) {
    if (!sp_vnnlib_number_read(number, text)) {
        return false;
    }
    if (r->query->input.type == SP_VNNLIB_FLOAT32 && fabs(number->value) < 0x1p127) {
        const double single = (double)(float)number->value;
        number->error += fabs(single - number->value);
        number->error *= 1.0 + 0x1p-50;
        number->value = single;
    }
    return true;
}

/* The arguments of an operation; NULL: it is none. */
static const sp_vnnlib_expression *arguments_of(const sp_vnnlib_expression *e) {
    const bool list = e->kind == SP_VNNLIB_LIST && e->first != NULL;
    const bool known =
        list && (sp_vnnlib_is_word(e->first, "+") || sp_vnnlib_is_word(e->first, "-") ||
                 sp_vnnlib_is_word(e->first, "*"));
    return known ? e->first->next : NULL;
}

/* The argument behind this one: an index belongs to the name before it. */
static const sp_vnnlib_expression *next_of(const sp_vnnlib_expression *e) {
    const bool indexed = e->kind == SP_VNNLIB_WORD && e->next && e->next->kind == SP_VNNLIB_INDEX;
    return indexed ? e->next->next : e->next;
}

static bool is_number(const sp_vnnlib_expression *e) {
    sp_vnnlib_number number;
    return e->kind == SP_VNNLIB_WORD && sp_vnnlib_number_read(&number, e->text);
}

static bool is_constant(const sp_vnnlib_expression *e) {
    const sp_vnnlib_expression *argument = arguments_of(e);
    if (argument == NULL) {
        return is_number(e);
    }
    while (argument != NULL && is_constant(argument)) {
        argument = next_of(argument);
    }
    return argument == NULL;
}

static sp_status collect(sp_vnnlib_reader *r, form *f, const sp_vnnlib_expression *e,
                         sp_vnnlib_number factor);

/* A product of constants and of one expression at most. */
static sp_status multiply(sp_vnnlib_reader *r, form *f, const sp_vnnlib_expression *e,
                          sp_vnnlib_number factor) {
    const sp_vnnlib_expression *variable = NULL;
    for (const sp_vnnlib_expression *at = e->first->next; at; at = next_of(at)) {
        if (is_constant(at)) {
            form value = {0};
            const sp_status status = collect(r, &value, at, one);
            free(value.term);
            SP_TRY(status);
            factor = sp_vnnlib_number_times(factor, value.constant);
        } else if (variable != NULL) {
            return sp_vnnlib_complain(r->err, SP_E_UNSUPPORTED, e,
                                      "a product of two variables: only linear assertions are "
                                      "verified");
        } else {
            variable = at;
        }
    }
    if (variable == NULL) {
        f->constant = sp_vnnlib_number_add(f->constant, factor);
        return SP_OK;
    }
    return collect(r, f, variable, factor);
}

static sp_status add_word(sp_vnnlib_reader *r, form *f, const sp_vnnlib_expression *e,
                          sp_vnnlib_number factor) {
    const sp_vnnlib_expression *index =
        e->next && e->next->kind == SP_VNNLIB_INDEX ? e->next : NULL;
    sp_vnnlib_number number;
    size_t variable = 0;
    if (index == NULL && read_number(&number, r, e->text)) {
        f->constant = sp_vnnlib_number_add(f->constant, sp_vnnlib_number_times(factor, number));
        return SP_OK;
    }
    SP_TRY(sp_vnnlib_variable_read(r, &variable, e, index));
    return push(r, f, variable, factor);
}

/* Adds factor times an expression. */
static sp_status collect(sp_vnnlib_reader *r, form *f, const sp_vnnlib_expression *e,
                         sp_vnnlib_number factor) {
    if (e->kind == SP_VNNLIB_WORD) {
        return add_word(r, f, e, factor);
    }
    const sp_vnnlib_expression *argument = arguments_of(e);
    if (argument == NULL) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                  "an expression is a number, a variable, or +, - or * of some");
    }
    if (sp_vnnlib_is_word(e->first, "*")) {
        return multiply(r, f, e, factor);
    }
    const bool minus = sp_vnnlib_is_word(e->first, "-");
    const sp_vnnlib_number negative = {-factor.value, factor.error};
    const bool alone = next_of(argument) == NULL;
    SP_TRY(collect(r, f, argument, minus && alone ? negative : factor));
    for (argument = next_of(argument); argument; argument = next_of(argument)) {
        SP_TRY(collect(r, f, argument, minus ? negative : factor));
    }
    return SP_OK;
}

static int by_variable(const void *a, const void *b) {
    const size_t x = ((const sp_vnnlib_term *)a)->variable;
    const size_t y = ((const sp_vnnlib_term *)b)->variable;
    return (x > y) - (x < y);
}

/* Terms of one variable become one. */
static void merge(form *f) {
    size_t kept = 0;
    if (f->terms > 1) {
        qsort(f->term, f->terms, sizeof *f->term, by_variable);
    }
    for (size_t i = 0; i < f->terms; i++) {
        const sp_vnnlib_term t = f->term[i];
        if (kept > 0 && f->term[kept - 1].variable == t.variable) {
            sp_vnnlib_term *last = &f->term[kept - 1];
            const sp_vnnlib_number sum =
                sp_vnnlib_number_add((sp_vnnlib_number){last->coefficient, last->error},
                                     (sp_vnnlib_number){t.coefficient, t.error});
            last->coefficient = sum.value;
            last->error = sum.error;
        } else {
            f->term[kept++] = t;
        }
    }
    f->terms = kept;
}

static bool is_finite(const form *f) {
    bool finite = isfinite(f->constant.value) && isfinite(f->constant.error);
    for (size_t i = 0; i < f->terms; i++) {
        finite = finite && isfinite(f->term[i].coefficient) && isfinite(f->term[i].error);
    }
    return finite;
}

/* f <= 0 as a constraint; its number. */
static sp_status store(sp_vnnlib_reader *r, size_t *number, const form *f, bool strict) {
    sp_vnnlib *query = r->query;
    if (query->constraints == r->room) {
        const size_t room = 2 * r->room + 64;
        sp_vnnlib_constraint *grown = sp_region_take(r->memory, room, sizeof *grown);
        if (grown == NULL) {
            return sp_vnnlib_out_of_memory(r->err);
        }
        if (query->constraints > 0) {
            memcpy(grown, query->constraint, query->constraints * sizeof *grown);
        }
        query->constraint = grown;
        r->room = room;
    }
    sp_vnnlib_constraint *c = &query->constraint[query->constraints];
    c->term = sp_region_take(r->memory, f->terms + 1, sizeof *c->term);
    if (c->term == NULL) {
        return sp_vnnlib_out_of_memory(r->err);
    }
    for (size_t i = 0; i < f->terms; i++) {
        if (f->term[i].coefficient != 0.0 || f->term[i].error > 0.0) {
            c->term[c->terms++] = f->term[i];
            c->outputs = c->outputs || f->term[i].variable >= query->input.size;
        }
    }
    c->bound = -f->constant.value;
    c->error = f->constant.error;
    c->strict = strict;
    *number = query->constraints++;
    return SP_OK;
}

/* left - right <= 0, or < 0; with sign -1 right - left. */
static sp_status constrain(sp_vnnlib_reader *r, sp_vnnlib_comparison *comparison,
                           const sp_vnnlib_expression *e, bool below, bool strict) {
    const sp_vnnlib_expression *left = e->first->next, *right = left ? next_of(left) : NULL;
    form f = {0};
    if (!left || !right || next_of(right)) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e, "a comparison is of two expressions");
    }
    sp_status status = collect(r, &f, left, below ? one : minus_one);
    status = status == SP_OK ? collect(r, &f, right, below ? minus_one : one) : status;
    merge(&f);
    if (status == SP_OK && !is_finite(&f)) {
        status = sp_vnnlib_complain(r->err, SP_E_FORMAT, e, "numbers that are too large");
    }
    if (status == SP_OK) {
        status = store(r, &comparison->constraint[comparison->constraints++], &f, strict);
    }
    free(f.term);
    return status;
}

typedef struct relation {
    const char *name;
    bool below, above, strict; /* left <= right, left >= right; both: see `either` */
    bool either;
    const char *opposite;
} relation;

static const relation relations[] = {
    {"<=", true, false, false, false, ">"}, {">=", false, true, false, false, "<"},
    {"<", true, false, true, false, ">="},  {">", false, true, true, false, "<="},
    {"==", true, true, false, false, "!="}, {"=", true, true, false, false, "!="},
    {"!=", true, true, true, true, "=="},
};

static const relation *find_relation(const char *name) {
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++) {
        if (strcmp(name, relations[i].name) == 0) {
            return &relations[i];
        }
    }
    return NULL;
}

bool sp_vnnlib_compares(const sp_vnnlib_expression *word) {
    return word != NULL && word->kind == SP_VNNLIB_WORD && find_relation(word->text) != NULL;
}

sp_status sp_vnnlib_compare(sp_vnnlib_reader *r, sp_vnnlib_comparison *comparison,
                            const sp_vnnlib_expression *e, bool negated) {
    const relation *is = find_relation(e->first->text);
    is = negated ? find_relation(is->opposite) : is;
    *comparison = (sp_vnnlib_comparison){.either = is->either};
    if (is->below) {
        SP_TRY(constrain(r, comparison, e, true, is->strict));
    }
    if (is->above) {
        SP_TRY(constrain(r, comparison, e, false, is->strict));
    }
    return SP_OK;
}
