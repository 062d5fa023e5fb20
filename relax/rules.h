/* Lines and planes as published verifiers choose them: comparisons, not what this program finds
 * best. A rule gives slopes; the constants are those of line_sigmoid.h and plane_offset.h, so that
 * every rule is sound where its paper's constants are not.
 * Source: docs/theory/published.md. */
#ifndef SP_RELAX_RULES_H
#define SP_RELAX_RULES_H

#include "relax/relax.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_line_rule - lines of sigma, tanh and ReLU; of other functions those of least gap, made
 *  parallel where the rule is. */
typedef enum {
    SP_LINE_RULE_OWN,      /* this program's: sp_line_spread's first */
    SP_LINE_RULE_CHORD,    /* parallel to the chord [CertRNN], [RNNGuard] */
    SP_LINE_RULE_LEAST,    /* parallel with the least distance */
    SP_LINE_RULE_END,      /* parallel to the flatter end [DeepZ] */
    SP_LINE_RULE_DEEPCERT, /* the three cases of [DeepCert] */
    SP_LINE_RULE_CROWN,    /* chord and middle tangent, tangents through the ends [CROWN] */
    SP_LINE_RULE_BOX       /* constants: the range [DiffAI] */
} sp_line_rule;

/** sp_relu_rule - lines of ReLU where 0 is inside; x and 0 elsewhere. */
typedef enum {
    SP_RELU_RULE_LINES,    /* as the rule of lines has them */
    SP_RELU_RULE_PARALLEL, /* parallel to the chord [DeepZ] */
    SP_RELU_RULE_BOX,      /* constants: zBox [DiffAI] */
    SP_RELU_RULE_DIAGONAL, /* parallel to the identity: zDiag [DiffAI] */
    SP_RELU_RULE_SWITCH,   /* zBox where -lo > hi, else zDiag: zSwitch [DiffAI] */
    SP_RELU_RULE_SMOOTH    /* between these in the share of hi: zSmooth [DiffAI] */
} sp_relu_rule;

/** sp_plane_rule - planes of products. */
typedef enum {
    SP_PLANE_RULE_OWN,      /* this program's static planes */
    SP_PLANE_RULE_CORNERS,  /* parallel, with the mean slopes between the corners */
    SP_PLANE_RULE_TABLES,   /* parallel, Tables 8 and 9 of [CertRNN]; else the corners' */
    SP_PLANE_RULE_FORMS,    /* parallel, as the product of two affine forms has them [DeepZ] */
    SP_PLANE_RULE_COMPOSED, /* lines of the factors, then McCormick's planes */
    SP_PLANE_RULE_BOX       /* constants: the range */
} sp_plane_rule;

/** sp_relax_rules - those of a domain. */
typedef struct sp_relax_rules {
    sp_plane_rule plane;
    sp_line_rule line;
    bool alone; /* boxes and margins are the domain's own, not met with intervals */
    sp_relu_rule relu;
} sp_relax_rules;

/** sp_line_rule_lines - lower <= f <= upper on x. */
sp_line_pair sp_line_rule_lines(sp_line_rule rule, sp_activation f, sp_iv x);
/** sp_relax_rules_lines - the same of both rules. sp_relax_rules_parallel - whether all their lines
 *  and planes are parallel, so that a row that is carried back is an affine form that is carried
 *  forward. */
sp_line_pair sp_relax_rules_lines(const sp_relax_rules *rules, sp_activation f, sp_iv x);
bool sp_relax_rules_parallel(const sp_relax_rules *rules);
/** sp_plane_rule_planes - lower <= f <= upper on the box; `lines` of the factors of FORMS and
 *  COMPOSED. */
sp_plane_pair sp_plane_rule_planes(sp_plane_rule rule, sp_line_rule lines, sp_product f,
                                   sp_box box);

#ifdef __cplusplus
}
#endif
#endif
