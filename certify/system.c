#include "certify/certify.h"

static sp_status check_widths(sp_error *err, const sp_net *net, const sp_front *front) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    if (net->features != layout->features) {
        return sp_fail(
            err, SP_E_MISMATCH,
            "the front end gives %zu features per frame but the network reads %zu: use the "
            "front-end description that the model was trained with",
            layout->features, net->features);
    }
    if (net->classes < 2) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "the network has %zu output: certifying that an answer stays what it is needs "
            "at least two classes",
            net->classes);
    }
    return SP_OK;
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
