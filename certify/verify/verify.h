/* Queries about a network: whether some input, and its output, meet the assertions of a VNN-LIB
 * file. An answer is proved: unsat by bounds over boxes that cover all inputs, sat by bounds at one
 * input. */
#ifndef SP_CERTIFY_VERIFY_H
#define SP_CERTIFY_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "certify/certify.h"
#include "onnx/onnx.h"
#include "vnnlib/vnnlib.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SP_VERIFY_SAT,
    SP_VERIFY_UNSAT,
    SP_VERIFY_UNKNOWN,
    SP_VERIFY_TIMEOUT
} sp_verify_kind;
/** sp_verify_name - "sat", "unsat", "unknown", "timeout". */
const char *sp_verify_name(sp_verify_kind kind);

typedef struct sp_verify_options {
    double timeout;           /* seconds; 0: none */
    size_t steps, starts;     /* of the attack: gradient steps per start, and starts; 0: standard */
    uint64_t seed;            /* of its random starts */
    size_t most_boxes;        /* into which the inputs are cut; 0: as many as the time allows */
    sp_arithmetic arithmetic; /* of the program that the answer speaks of */
} sp_verify_options;
enum { SP_VERIFY_STEPS = 60, SP_VERIFY_STARTS = 8 };

/** sp_verify_answer - what was found out. */
typedef struct sp_verify_answer {
    sp_verify_kind kind;
    char reason[512]; /* of unknown and timeout; else "" */
    double *input;  /* [input.size] owned; of sat, in the order of the query's tensor; else NULL */
    double *output; /* [output.size] owned; what the file's own graph makes of it */
    size_t boxes;   /* that were bounded */
    double volume;  /* share of the inputs of which nothing is left to prove, by volume */
    double seconds;
} sp_verify_answer;
void sp_verify_answer_clear(sp_verify_answer *answer);

/** sp_verify_fits - whether the query is about such a network: SP_E_MISMATCH, SP_E_UNSUPPORTED. */
SP_NODISCARD sp_status sp_verify_fits(sp_error *err, const sp_vnnlib *query, const sp_model *model);
/** sp_verify_query - the answer. Equal for any number of threads, unless the time runs out. */
SP_NODISCARD sp_status sp_verify_query(sp_error *err, sp_verify_answer *answer,
                                       const sp_vnnlib *query, const sp_model *model,
                                       const sp_verify_options *options);

#ifdef __cplusplus
}
#endif
#endif
