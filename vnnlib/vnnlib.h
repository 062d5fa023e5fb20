/* VNN-LIB queries, versions 1.0 and 2.0: is there an input of a network, and its output, that meet
 * all assertions? A query is read into linear constraints in disjunctive normal form, and those of
 * the inputs into boxes. Source: [VNN-LIB]. */
#ifndef SP_VNNLIB_VNNLIB_H
#define SP_VNNLIB_VNNLIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/region.h"
#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_vnnlib_type - of the numbers of a tensor. */
typedef enum { SP_VNNLIB_REAL, SP_VNNLIB_FLOAT32, SP_VNNLIB_FLOAT64 } sp_vnnlib_type;

enum { SP_VNNLIB_AXES = 8, SP_VNNLIB_NAME = 128 };

/** sp_vnnlib_tensor - a declared input or output. Version 1.0 declares its numbers one by one: then
 *  axes is 1. */
typedef struct sp_vnnlib_tensor {
    char name[SP_VNNLIB_NAME];
    char type_name[32]; /* as the file has it */
    sp_vnnlib_type type;
    size_t axes, axis[SP_VNNLIB_AXES]; /* lengths */
    size_t size;                       /* their product */
} sp_vnnlib_tensor;

/** sp_vnnlib_term - coefficient times a number: variable i < input.size of the input, then those of
 *  the output, in the order of their tensors. The real coefficient of the file lies within `error`
 *  of the double. */
typedef struct sp_vnnlib_term {
    size_t variable;
    double coefficient, error;
} sp_vnnlib_term;

/** sp_vnnlib_constraint - the sum of its terms <= bound, or < where it is strict. The real bound of
 *  the file lies within `error` of the double. */
typedef struct sp_vnnlib_constraint {
    sp_vnnlib_term *term; /* [terms] in the order of their variables */
    size_t terms;
    double bound, error;
    bool strict, outputs; /* outputs: some term is of one */
} sp_vnnlib_constraint;

/** sp_vnnlib_cube - constraints that hold together, by their numbers. */
typedef struct sp_vnnlib_cube {
    size_t *constraint; /* [constraints] */
    size_t constraints;
} sp_vnnlib_cube;

/** sp_vnnlib_case - some of the cubes: those that leave the inputs one box. */
typedef struct sp_vnnlib_case {
    double *lo, *hi; /* [inputs] around all reals that the file allows */
    /* [inputs] what it says as doubles: with `file` a witness has float values there */
    double *least, *most;
    sp_vnnlib_cube inputs;   /* further constraints of the inputs alone */
    sp_vnnlib_cube *outputs; /* [alternatives] the other constraints: those of any one of these */
    size_t alternatives;
} sp_vnnlib_case;

/** sp_vnnlib - a query. */
typedef struct sp_vnnlib {
    int version; /* 1 or 2 */
    char network[SP_VNNLIB_NAME];
    sp_vnnlib_tensor input, output;
    sp_vnnlib_constraint *constraint; /* [constraints] */
    size_t constraints;
    sp_vnnlib_cube common; /* what every cube has besides its own */
    sp_vnnlib_cube *cube;  /* [cubes] */
    size_t cubes;
    sp_vnnlib_case *part; /* [parts] together they are the query; none: nothing meets it */
    size_t parts;
    sp_region memory; /* owned: all of the above */
} sp_vnnlib;

/** sp_vnnlib_read, sp_vnnlib_parse - SP_E_FORMAT with the line for text that is no query;
 *  SP_E_UNSUPPORTED for products of variables, inputs without finite bounds, several networks,
 *  inputs or outputs, hidden tensors, other element types, and more than a million alternatives.
 *  `name` is used in messages. A failed call leaves an empty query. */
SP_NODISCARD sp_status sp_vnnlib_read(sp_error *err, sp_vnnlib *query, const char *path);
SP_NODISCARD sp_status sp_vnnlib_parse(sp_error *err, sp_vnnlib *query, const char *text,
                                       size_t size, const char *name);
void sp_vnnlib_clear(sp_vnnlib *query);

/** sp_vnnlib_holds - whether inputs [input.size] and outputs [output.size] meet one of the cubes,
 *  as sums of doubles have it: no proof. NaN meets nothing. */
bool sp_vnnlib_holds(const sp_vnnlib *query, const double *input, const double *output);

/** sp_vnnlib_variable - "X_3" or "X[0,3]".   O text [SP_VNNLIB_NAME + 64] */
void sp_vnnlib_variable(char *text, size_t size, const sp_vnnlib *query, size_t variable);

/** sp_vnnlib_witness - an assignment in the form of the query's version, behind a line "sat". */
void sp_vnnlib_witness(FILE *to, const sp_vnnlib *query, const double *input, const double *output);

#ifdef __cplusplus
}
#endif
#endif
