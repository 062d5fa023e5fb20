#include <string.h>

#include "certify/impl.h"

static sp_status check_widths(sp_error *err, const sp_net *net, const sp_front *front) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    if (net->features != layout->features) {
        return sp_fail(
            err, SP_E_MISMATCH,
            "the front end gives %zu features per frame but the network reads %zu: use the "
            "front-end description that the model was trained with",
            layout->features, net->features);
    }
    return SP_OK;
}

size_t sp_system_answers(const sp_net *net) {
    return net->classes == 1 ? 2 : net->classes;
}

void sp_system_rows(const sp_system *system, double *row, double *constant, const double *weight,
                    size_t rows) {
    const bool single = system->net->classes == 1;
    if (!single) {
        memcpy(row, weight, rows * system->net->classes * sizeof *row);
    }
    for (size_t r = 0; r < rows; r++) {
        constant[r] = single ? weight[2 * r] * system->threshold : 0.0;
        if (single) {
            row[r] = weight[2 * r + 1];
        }
    }
}

sp_status sp_system_init(sp_error *err, sp_system *system, const sp_net *net, const sp_front *front,
                         const sp_method *method, sp_front_rule rule) {
    *system = (sp_system){0};
    SP_TRY(check_widths(err, net, front));
    SP_TRY(sp_front_forms_create(err, &system->forms, front, rule));
    system->net = net;
    system->front = front;
    system->method = method;
    system->front_rule = rule;
    return SP_OK;
}

void sp_system_clear(sp_system *system) {
    sp_front_forms_destroy(system->forms);
    *system = (sp_system){0};
}
