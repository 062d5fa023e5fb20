/* Private to vnnlib/. */
#ifndef SP_VNNLIB_IMPL_H
#define SP_VNNLIB_IMPL_H

#include "vnnlib/vnnlib.h"

/* ---- expressions: expression.c ---- */

typedef enum {
    SP_VNNLIB_WORD,  /* a symbol or a number */
    SP_VNNLIB_INDEX, /* [1,5]; its text is "1,5" */
    SP_VNNLIB_QUOTE, /* "a name" */
    SP_VNNLIB_LIST
} sp_vnnlib_kind;

/** sp_vnnlib_expression - an s-expression. */
typedef struct sp_vnnlib_expression {
    sp_vnnlib_kind kind;
    const char *text; /* of all but lists; ends in a zero */
    size_t line;
    struct sp_vnnlib_expression *first, *next; /* the list's first member; the one behind this */
} sp_vnnlib_expression;

/** sp_vnnlib_expressions - those of a text, in their order. `copy` [size + 1] is written to. */
SP_NODISCARD sp_status sp_vnnlib_expressions(sp_error *err, sp_vnnlib_expression **first,
                                             sp_region *memory, char *copy, size_t size);
/** sp_vnnlib_is_word - whether an expression is this word. */
bool sp_vnnlib_is_word(const sp_vnnlib_expression *e, const char *word);
/** sp_vnnlib_out_of_memory - a failure. */
sp_status sp_vnnlib_out_of_memory(sp_error *err);
/** sp_vnnlib_complain - SP_E_FORMAT, or another code, with the line. */
sp_status sp_vnnlib_complain(sp_error *err, sp_status code, const sp_vnnlib_expression *at,
                             const char *format, ...) SP_PRINTF(4, 5);

/* ---- numbers: number.c ---- */

/** sp_vnnlib_number - a double and how far the real number can be from it. */
typedef struct sp_vnnlib_number {
    double value, error;
} sp_vnnlib_number;
/** sp_vnnlib_number_read - false: no number, or none that is finite. */
bool sp_vnnlib_number_read(sp_vnnlib_number *number, const char *text);
sp_vnnlib_number sp_vnnlib_number_add(sp_vnnlib_number a, sp_vnnlib_number b);
sp_vnnlib_number sp_vnnlib_number_times(sp_vnnlib_number a, sp_vnnlib_number b);

/* ---- reading ---- */

typedef struct sp_vnnlib_reader {
    sp_error *err;
    sp_vnnlib *query;
    sp_region *memory;
    bool declared;       /* all declarations have been read */
    size_t room;         /* for constraints */
    size_t alternatives; /* numbers of constraints in all cubes */
} sp_vnnlib_reader;

/** sp_vnnlib_declare - a declaration of either version (declare.c). sp_vnnlib_declared - behind the
 *  last one. sp_vnnlib_variable_read - the number of a variable; `index` may be NULL. */
SP_NODISCARD sp_status sp_vnnlib_declare(sp_vnnlib_reader *r, const sp_vnnlib_expression *e);
SP_NODISCARD sp_status sp_vnnlib_declared(sp_vnnlib_reader *r);
SP_NODISCARD sp_status sp_vnnlib_variable_read(sp_vnnlib_reader *r, size_t *variable,
                                               const sp_vnnlib_expression *name,
                                               const sp_vnnlib_expression *index);

/** sp_vnnlib_compare - a comparison as constraints left <= right, left >= right (linear.c): their
 *  numbers. Two of an equality hold together; of a difference, either one. */
typedef struct sp_vnnlib_comparison {
    size_t constraint[2];
    size_t constraints;
    bool either;
} sp_vnnlib_comparison;
/** sp_vnnlib_compares - whether a word is a comparison. */
bool sp_vnnlib_compares(const sp_vnnlib_expression *word);
SP_NODISCARD sp_status sp_vnnlib_compare(sp_vnnlib_reader *r, sp_vnnlib_comparison *comparison,
                                         const sp_vnnlib_expression *e, bool negated);

/** sp_vnnlib_assert - one more assertion (formula.c). */
SP_NODISCARD sp_status sp_vnnlib_assert(sp_vnnlib_reader *r, const sp_vnnlib_expression *formula);

/** sp_vnnlib_cases - the parts of the query (cases.c). */
SP_NODISCARD sp_status sp_vnnlib_cases(sp_vnnlib_reader *r);

#endif
