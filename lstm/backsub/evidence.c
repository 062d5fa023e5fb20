// What rows that choose nothing leave for a certificate: one plane or line on each side.
#include "lstm/backsub/impl.h"

sp_status sp_backsub_evidence(sp_error *err, void *of, sp_domain_planes *planes, bool *zero,
                              size_t node, size_t frame, int variable) {
    const sp_backsub *self = of;
    const sp_boxes *boxes = &self->boxes;
    const sp_node *at = &boxes->net->node[node];
    const size_t step = sp_boxes_step_frame(at, frame, sp_boxes_frames(boxes, 0, node));
    const bool cell = at->kind == SP_NODE_CELL;
    if (boxes->device || sp_backsub_rows_choose(self) || self->options.octagons) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "certificates are of rows with one plane for each product, on the CPU");
    }
    *zero = cell && sp_cell_zero(&boxes->constants[node].cell, variable, step == 0);
    if (*zero) {
        return SP_OK;
    }
    const sp_gpu_menu *menu =
        &sp_backsub_relaxations_at(self, node, step)->menu[cell ? variable : 0];
    const size_t upper = menu->lower * menu->n;
    *planes = (sp_domain_planes){menu->a, menu->b, menu->a + upper,
                                 menu->b != NULL ? menu->b + upper : NULL};
    return SP_OK;
}
