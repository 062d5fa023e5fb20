/* From a budget to the radius of the noise set, and back to the scales that people read.
 *
 * Upward rounding: u = 2^-53. The exponent v/20 carries the rounding of the text of v and of the
 * division, each relative u, so 10^(v/20) is off by at most 2 ln(10) |v/20| u < 5 |v/20| u,
 * relative, plus what pow loses (glibc: below 1 ulp). With 16 u for pow and for the roundings here,
 * the product with 1 + (16 + 5 |v/20|) u is above the exact radius. rms adds 2^-49 = 16 u. */
#include <float.h>
#include <math.h>

#include "audio/audio.h"
#include "base/interval.h"

// Below this, subnormal intermediate results would escape the relative error terms.
static const double least_radius = 1e-290;

/* ratio_above - 10^(decibels/20) rounded up; 0 stands for "too small". */
static double ratio_above(double decibels, double units) {
    const double exponent = decibels / 20.0, power = pow(10.0, exponent);
    if (!(power >= least_radius)) {
        return 0.0;
    }
    const double inflation = 1.0 + (units + 5.0 * fabs(exponent)) * 0x1p-53;
    return sp_above(power * sp_above(inflation));
}

double sp_clip_energy(const sp_clip *clip) {
    return clip->rms * sqrt((double)(clip->whole ? clip->whole : clip->n));
}

const sp_noise_set *sp_budget_set(const sp_budget *budget) {
    return budget->set ? budget->set : &sp_noise_set_box;
}

/* The loudest noise of a box is in all samples, that of a ball may be in one: 10^(decibels/20)
 * times rms, or times the clip's l2 norm, whose root and product take less than 8 u beyond those of
 * rms. */
static double part_of_energy(const sp_clip *clip, const sp_noise_set *set, double decibels) {
    const double norm = set->box ? clip->rms : sp_clip_energy(clip);
    return sp_above(norm * ratio_above(decibels, set->box ? 32.0 : 40.0));
}

/* steps_above - v steps: exact when v is whole, else v carries the rounding of its text. */
static double steps_above(double v, double lsb) {
    const double product = v * lsb;
    return v == floor(v) && fma(v, lsb, -product) == 0.0 ? product : sp_above(sp_above(product));
}

static sp_status check_radius(sp_error *err, double *eps, double radius) {
    if (!(radius >= least_radius)) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "the budget gives a radius too small for a double: choose a larger one");
    }
    if (!(radius <= DBL_MAX)) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "the budget gives a radius that is not finite: choose a smaller one");
    }
    *eps = radius;
    return SP_OK;
}

sp_status sp_budget_radius(sp_error *err, double *eps, const sp_budget *budget,
                           const sp_clip *clip) {
    const double v = budget->value;
    const sp_noise_set *set = sp_budget_set(budget);
    if (!isfinite(v)) {
        return sp_fail(err, SP_E_ARGUMENT, "the budget is not a finite number");
    }
    if ((clip->width > 0) != (budget->unit == SP_BUDGET_ABSOLUTE)) {
        return sp_fail(err, SP_E_MISMATCH,
                       clip->width > 0
                           ? "numbers have neither loudness nor steps: how far each may "
                             "move is said by --eps"
                           : "a recording has loudness: the noise is given by --budget");
    }
    switch (budget->unit) {
    case SP_BUDGET_ABSOLUTE:
        return v > 0.0 ? check_radius(err, eps, sp_above(v)) // v carries the rounding of its text
                       : sp_fail(err, SP_E_ARGUMENT, "an absolute budget must be above 0");
    case SP_BUDGET_DB_PEAK:
    case SP_BUDGET_DB_SNR:
        if (!(clip->peak > 0.0 && clip->rms > 0.0)) {
            return sp_fail(err, SP_E_MISMATCH,
                           "the clip is silent, so a budget relative to it is empty: give one in "
                           "dBFS or lsb");
        }
        return check_radius(err, eps,
                            budget->unit == SP_BUDGET_DB_SNR ? part_of_energy(clip, set, -v)
                            : set->of_energy                 ? part_of_energy(clip, set, v)
                                             : sp_above(clip->peak * ratio_above(v, 16.0)));
    case SP_BUDGET_DBFS:
        return check_radius(err, eps, sp_above(clip->full_scale * ratio_above(v, 16.0)));
    case SP_BUDGET_LSB:
        if (!(clip->lsb > 0.0)) {
            return sp_fail(err, SP_E_MISMATCH,
                           "the clip's sample format has no steps (floating point or lossy), so a "
                           "budget in lsb is empty: give one in dB, dBFS or dBsnr");
        }
        if (!(v > 0.0)) {
            return sp_fail(err, SP_E_ARGUMENT, "a budget in lsb must be above 0");
        }
        return check_radius(err, eps, steps_above(v, clip->lsb));
    }
    return sp_fail(err, SP_E_ARGUMENT, "the budget has no known unit");
}

void sp_budget_describe(sp_budget_scale *scale, double eps, const sp_noise_set *set,
                        const sp_clip *clip) {
    const double norm = sp_clip_energy(clip);
    if (clip->width > 0) {
        *scale = (sp_budget_scale){NAN, NAN, NAN, false};
        return;
    }
    scale->db_peak = 20.0 * log10(eps / (set->of_energy ? norm : clip->peak));
    scale->lsb = clip->lsb > 0.0 ? eps / clip->lsb : NAN;
    scale->snr_db = 20.0 * log10((set->box ? clip->rms : norm) / eps);
    scale->vacuous = clip->lsb > 0.0 && eps < 0.5 * clip->gap;
}
