/* What the properties of an audit share. */
#include "certify/audit/audit_task.h"

#include <math.h>

#include "base/clock.h"

double sp_audit_task_time(const sp_audit_task *q) {
    return q->deadline > 0.0 ? fmax(q->deadline - sp_clock_wall(), 1e-9) : 0.0;
}

const sp_noise_set *sp_audit_task_set(const sp_audit_task *q) {
    return q->audit->set ? q->audit->set : &sp_noise_set_box;
}

sp_budget_scale sp_audit_task_scale(const sp_noise_set *set, const sp_clip *clip, double eps,
                                    double power) {
    sp_budget_scale scale;
    sp_budget_describe(&scale, eps, set, clip);
    if (set->box) {
        scale.snr_db = 20.0 * log10(clip->rms / (eps * sqrt(power)));
    }
    return scale;
}

sp_attack_options sp_audit_task_attack(const sp_audit_task *q) {
    sp_attack_options options = q->audit->attack;
    options.source = q->audit->source;
    options.steps = options.steps ? options.steps : SP_AUDIT_STEPS;
    options.starts = options.starts ? options.starts : SP_AUDIT_STARTS;
    options.out = NULL;
    options.hint = NULL;
    options.timeout = sp_audit_task_time(q);
    return options;
}
