/* Triggers: the decoder of mycroft-precise's sensitivity, and the detectors. */
#include <math.h>

#include "certify/audit/audit.h"

/* The decoder sums the density of logits (mean 6, deviation 4) on 200 points per unit from 10 below
 * to 22 above; a probability p above the centre 0.2 of that sum decodes to 0.5 + 0.5 (p - 0.2) /
 * 0.8, below it to 0.5 p / 0.2. A prediction is on when that exceeds 1 - sensitivity. The logit is
 * rounded to a point first: the threshold lies half a point below the first that is on. */
double sp_trigger_threshold(double sensitivity) {
    const double mean = 6.0, deviation = 4.0, centre = 0.2, least = -10.0, range = 32.0;
    const size_t points = 6400;
    const double decoded = 1.0 - sensitivity;
    const double target =
        decoded < 0.5 ? 2.0 * centre * decoded : centre + (1.0 - centre) * (2.0 * decoded - 1.0);
    double sum = 0.0;
    for (size_t k = 0; k < points; k++) {
        const double x = least + range * (double)k / (double)(points - 1);
        const double z = (x - mean) / deviation;
        sum += exp(-0.5 * z * z) / (deviation * sqrt(6.283185307179586)) / 200.0;
        if (sum > target) {
            return least + range * ((double)k - 0.5) / (double)(points - 1);
        }
    }
    return INFINITY; // no logit is enough
}

size_t sp_trigger_run(const sp_trigger *trigger) {
    switch (trigger->rule) {
    case SP_TRIGGER_PRECISE:
        return (size_t)trigger->level + 1;
    case SP_TRIGGER_CONSECUTIVE:
    case SP_TRIGGER_SPEECH:
        return trigger->least > 0 ? trigger->least : 1;
    }
    return 1;
}

/* What a detector remembers from one prediction to the next. */
typedef struct memory {
    int activation; /* precise */
    size_t row;     /* predictions in a row, or those since speech began */
    size_t quiet;   /* speech: predictions since the first that was low, 0: none was */
    bool speech;
} memory;

/* From the first prediction that is on; over when one is low at least `silence` predictions behind
 * the first that was, unless one was on between them. */
static bool hear_speech(memory *m, const sp_trigger *trigger, bool on, bool keep) {
    if (on && !m->speech) {
        *m = (memory){.speech = true};
    }
    if (!m->speech) {
        return false;
    }
    m->row++;
    m->quiet += m->quiet > 0 || !keep;
    if (on) {
        m->quiet = 0;
    }
    if (!keep && m->quiet > trigger->silence) {
        m->speech = false;
    }
    return m->speech && m->quiet == 0 && m->row >= sp_trigger_run(trigger);
}

static bool step(memory *m, const sp_trigger *trigger, bool on, bool keep) {
    switch (trigger->rule) {
    case SP_TRIGGER_PRECISE:
        m->activation = on ? m->activation + 1 : m->activation > 0 ? m->activation - 1 : 0;
        return m->activation > trigger->level;
    case SP_TRIGGER_CONSECUTIVE:
        m->row = on ? m->row + 1 : 0;
        return m->row >= sp_trigger_run(trigger);
    case SP_TRIGGER_SPEECH:
        return hear_speech(m, trigger, on, keep);
    }
    return false;
}

bool sp_trigger_fires(size_t *at, const sp_trigger *trigger, const bool *on, const bool *keep,
                      size_t count) {
    memory m = {0};
    for (size_t i = 0; i < count; i++) {
        if (step(&m, trigger, on[i], on[i] || (keep && keep[i]))) {
            if (at) {
                *at = i;
            }
            return true;
        }
    }
    return false;
}

bool sp_trigger_hears(const sp_trigger *trigger, const double *logit, size_t count, double hair) {
    memory m = {0};
    for (size_t i = 0; i < count; i++) {
        if (step(&m, trigger, logit[i] >= trigger->threshold - hair,
                 logit[i] >= fmin(trigger->low, trigger->threshold) - hair)) {
            return true;
        }
    }
    return false;
}
