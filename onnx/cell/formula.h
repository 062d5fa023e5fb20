/* Private to onnx/: layers that read one step, and states, as polynomials of both. */
#ifndef SP_ONNX_FORMULA_H
#define SP_ONNX_FORMULA_H

#include "onnx/impl.h"

/** sp_onnx_formulas - what layers are at one step of a cell. A feature is a number of one of the
 *  sources, which are numbered as they were met. */
typedef struct sp_onnx_formulas {
    sp_onnx_reader *r;
    size_t layers;                 /* those that there were at sp_onnx_formulas_init */
    const sp_onnx_polynomial **of; /* [layers] in the region; NULL: not known */
    bool *inside;                  /* [layers] depends on a state */
    bool *joined;                  /* [layers] an affine part of what the cell makes of a step */
    size_t *feature;               /* [layers] 1 + first symbol of a source; 0: none */
    size_t sources, *source;       /* [sources] layers */
    size_t width;                  /* of all sources */
    sp_onnx_algebra algebra;
    bool join_all;   /* whatever affine layer can be joined is */
    const char *why; /* what a layer is that can be in no cell, or NULL */
} sp_onnx_formulas;

SP_NODISCARD sp_status sp_onnx_formulas_init(sp_onnx_reader *r, sp_onnx_formulas *f);
void sp_onnx_formulas_clear(sp_onnx_formulas *f);
/** sp_onnx_formula_state - unit j of the layer is symbol[j]. */
SP_NODISCARD sp_status sp_onnx_formula_state(sp_onnx_formulas *f, size_t layer,
                                             const sp_onnx_symbol *symbol);
/** sp_onnx_formula_rows - numbers of a sequence without steps; polynomial [width]. SP_E_UNSUPPORTED
 *  where they are none of a cell: then f->why says what is in the way. */
SP_NODISCARD sp_status sp_onnx_formula_rows(sp_onnx_formulas *f, sp_onnx_polynomial *polynomial,
                                            const sp_onnx_affine *row, size_t count);
/** sp_onnx_formula_below - one layer that holds all sources, in order. */
SP_NODISCARD sp_status sp_onnx_formula_below(sp_onnx_formulas *f, size_t *layer);

#endif
