/* The slopes of planes and lines, node by node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proof/impl.h"

/* The variables of cells as certificates name them, in the order of net/cell.c. */
static const char *const lstm_names[SP_CELL_VARIABLES] = {"",  "",   "i",  "f", "g",
                                                          "o", "ig", "fc", "c", "h"};
static const char *const rnn_names[SP_CELL_VARIABLES] = {"", "a", "h"};

static bool is_gate(const sp_cell_steps *steps, int v, size_t place) {
    return steps->variable[v].op == SP_CELL_IMAGE && steps->variable[v].place == place;
}

/* The products of a GRU by what they multiply: r h' (or r q), (1 - z) n, z (h' - n), z h'. */
static const char *gru_name(const sp_cell_steps *steps, int v) {
    const sp_cell_variable *at = &steps->variable[v];
    return is_gate(steps, at->a, 1)                          ? "rh"
           : at->complement                                  ? "zn"
           : steps->variable[at->b].op == SP_CELL_DIFFERENCE ? "zd"
                                                             : "zh";
}

static const char *variable_name(const sp_cell *cell, const sp_cell_steps *steps, int v) {
    return cell->kind == SP_CELL_LSTM  ? lstm_names[v]
           : cell->kind == SP_CELL_GRU ? gru_name(steps, v)
                                       : rnn_names[v];
}

/* ---- slopes ---- */

/* The slopes of a variable at all frames: [frames, 2, 2, width] for products (lower a, b, upper a,
 * b), [frames, 2, width] for lines; zeros where the variable is zero. */
static sp_status add_variable(sp_error *err, sp_proof_arrays *arrays, const sp_proof_claim *claim,
                              size_t node, size_t number, int v, size_t frames) {
    const sp_node *at = &claim->net->node[node];
    const size_t width = at->width;
    double *slopes = calloc(4 * frames * width + 1, sizeof *slopes), *to = slopes;
    sp_status status =
        slopes != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
    sp_cell_steps steps = {0};
    bool product = false;
    char name[32];
    if (at->kind == SP_NODE_CELL) {
        sp_cell_describe(&steps, &at->cell);
        product = steps.variable[v].op == SP_CELL_PRODUCT;
        snprintf(name, sizeof name, "%zu/%s", number, variable_name(&at->cell, &steps, v));
    } else {
        snprintf(name, sizeof name, "%zu/h", number);
    }
    for (size_t t = 0; t < frames && status == SP_OK; t++) {
        sp_domain_planes p = {0};
        bool zero = false;
        status = claim->domain->evidence(err, claim->bounds, &p, &zero, node, t, v);
        const double *part[4] = {p.lower_a, p.lower_b, p.upper_a, p.upper_b};
        for (size_t k = 0; k < 4 && status == SP_OK; k += product ? 1 : 2, to += width) {
            if (!zero) {
                memcpy(to, part[k], width * sizeof *to);
            }
        }
    }
    if (status == SP_OK) {
        status = sp_proof_add(err, arrays, name, slopes, (size_t)(to - slopes));
    }
    free(slopes);
    return status;
}

sp_status sp_proof_add_slopes(sp_error *err, sp_proof_arrays *arrays, const sp_proof_claim *claim) {
    size_t number = 0; // of the nodes with slopes
    for (size_t i = 1; i < claim->net->nodes; i++) {
        const sp_node *node = &claim->net->node[i];
        number += node->kind == SP_NODE_CURVE || node->kind == SP_NODE_CELL;
        const size_t own = sp_net_frames(claim->net, 0, i, claim->front_bound->frames);
        if (node->kind == SP_NODE_CURVE) {
            SP_TRY(add_variable(err, arrays, claim, i, number, SP_NO_VARIABLE, own));
        }
        sp_cell_steps steps = {0};
        if (node->kind == SP_NODE_CELL) {
            sp_cell_describe(&steps, &node->cell);
        }
        for (size_t v = 0; v < steps.count; v++) {
            const sp_cell_op op = steps.variable[v].op;
            if (steps.variable[v].used &&
                (op == SP_CELL_PRODUCT || (op == SP_CELL_CURVE && !sp_proof_linear(&node->cell)))) {
                SP_TRY(add_variable(err, arrays, claim, i, number, (int)v, own));
            }
        }
    }
    return SP_OK;
}
