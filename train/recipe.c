/* Recipes: what they are unless somebody says otherwise, and which make sense. */
#include <math.h>

#include "train/impl.h"

void sp_recipe_standard(sp_recipe *recipe) {
    *recipe = (sp_recipe){.seed = 1,
                          .epochs = 60,
                          .batch = 32,
                          .patience = 30,
                          .rate = 2e-3,
                          .decay = 1e-4,
                          .clip = 1.0,
                          .gain_db = 6.0,
                          .noise_db = -40.0,
                          .noise_span_db = 40.0,
                          .shift = 200,
                          .defence = SP_DEFENCE_NONE,
                          .budget_db = NAN,
                          .attack_steps = 1,
                          .box = 0.05,
                          .weight = 0.5,
                          .box_weight = 1.0,
                          .warm = 3,
                          .ramp = 15};
}

static sp_status refuse(sp_error *err, const char *what, double value, const char *allowed) {
    return sp_fail(err, SP_E_ARGUMENT, "%s is %s, not %g", what, allowed, value);
}

static sp_status check_defence(sp_error *err, const sp_recipe *r) {
    if (!(r->budget_db >= -200.0 && r->budget_db <= 0.0)) {
        return refuse(err, "the budget of the training", r->budget_db, "-200 to 0 dB of the peak");
    }
    if (!(r->weight > 0.0 && r->weight <= 1.0)) {
        return refuse(err, "the weight of the noise", r->weight, "above 0 and at most 1");
    }
    if (r->defence == SP_DEFENCE_CERTIFIED && !(r->box > 0.0 && r->box <= 1.0)) {
        return refuse(err, "the box", r->box, "above 0 and at most 1");
    }
    if (r->defence == SP_DEFENCE_CERTIFIED && !(r->box_weight > 0.0 && r->box_weight <= 1.0)) {
        return refuse(err, "the weight of the box", r->box_weight, "above 0 and at most 1");
    }
    if (r->defence == SP_DEFENCE_CERTIFIED && r->box_weight < 1.0 && r->attack_steps == 0) {
        return refuse(err, "the number of attack steps beside the box", 0.0, "at least 1");
    }
    if (r->defence == SP_DEFENCE_ADVERSARIAL && r->attack_steps == 0) {
        return refuse(err, "the number of attack steps", 0.0, "at least 1");
    }
    if (r->defence == SP_DEFENCE_CERTIFIED && r->warm + r->box_ramp >= r->epochs) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "%zu epochs to warm up and %zu in which the box grows leave none of the %zu "
                       "epochs for the whole box",
                       r->warm, r->box_ramp, r->epochs);
    }
    if (r->warm + r->ramp >= r->epochs) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "%zu epochs to warm up and %zu of ramp leave none of the %zu epochs for the "
                       "full budget",
                       r->warm, r->ramp, r->epochs);
    }
    return SP_OK;
}

sp_status sp_recipe_check(sp_error *err, const sp_recipe *r) {
    if (r->epochs == 0 || r->batch == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "epochs and batch are at least 1");
    }
    if (!(r->rate > 0.0 && r->rate <= 1.0)) {
        return refuse(err, "the rate", r->rate, "above 0 and at most 1");
    }
    if (!(r->decay >= 0.0 && r->decay <= 1.0)) {
        return refuse(err, "the decay", r->decay, "0 to 1");
    }
    if (!(r->average >= 0.0 && r->average < 1.0)) {
        return refuse(err, "the average of the weights", r->average, "0 (none) or below 1");
    }
    if (!(r->clip >= 0.0 && isfinite(r->clip))) {
        return refuse(err, "the clip of the gradient", r->clip, "0 (none) or above");
    }
    if (!(r->gain_db >= 0.0 && r->gain_db <= 60.0)) {
        return refuse(err, "the gain", r->gain_db, "0 to 60 dB");
    }
    if (!isnan(r->noise_db) && !(r->noise_db >= -200.0 && r->noise_db <= 0.0)) {
        return refuse(err, "the noise", r->noise_db, "-200 to 0 dB of the peak");
    }
    if (!(r->noise_span_db >= 0.0 && r->noise_span_db <= 200.0)) {
        return refuse(err, "the span of the noise", r->noise_span_db, "0 to 200 dB");
    }
    return r->defence == SP_DEFENCE_NONE ? SP_OK : check_defence(err, r);
}
