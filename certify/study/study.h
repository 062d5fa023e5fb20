/* Studies of a clip: the radius search, what a report shows, and the comparison of methods. */
#ifndef SP_CERTIFY_STUDY_H
#define SP_CERTIFY_STUDY_H

#include <stdbool.h>
#include <stddef.h>

#include "certify/attack/attack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- radius ---- */

typedef struct sp_radius_options {
    double tolerance;        /* dB > 0: the budgets that are tried are its multiples */
    const sp_noise_set *set; /* of radii; NULL: boxes */
    size_t first, frames; /* noise in the samples of these frames only; frames 0: in all samples */
    bool within;          /* of sequences: noisy numbers stay in [least, most] */
    double least, most;
    const sp_noise_profile *profile; /* borrowed; NULL: all samples have the whole radius */
    sp_budget_deployed deployed;     /* what noisy samples become; rounded ones are not attacked */
    bool no_attack;                  /* only certificates are tried */
    sp_attack_options attack;        /* its hint, timeout and out are not read */
    double timeout;                  /* seconds of the whole search; 0: none */
} sp_radius_options;

/** sp_radius_point - one budget that was tried. */
typedef struct sp_radius_point {
    double db;      /* as in certified_db */
    bool attacked;  /* an attack; else a certificate */
    bool certified; /* by a certificate */
    bool file;      /* the attack counts files only; else all real-valued noise */
    bool broken;    /* by the attack */
    double margin;  /* proved, or attained */
    double seconds;
} sp_radius_point;

/** sp_radius - what is known of one clip under noise of every loudness. The verdict is that of the
 *  largest certified budget; when there is none, of the quietest one that was tried; timeout when
 *  time ran out.
 *  Budgets in dB, relative to what those of the set are; of sequences, to 1; NaN: none found. */
typedef struct sp_radius {
    sp_verdict verdict;
    double certified_db; /* largest budget that was certified itself */
    double broken_db; /* smallest budget whose real-valued noise was found to change the answer */
    double broken_file_db; /* smallest budget with a replayed file of the clip's format that does */
    double *file_noise;    /* [n] owned; the noise of that file, or NULL */
    sp_radius_point *point; /* [points] owned; in the order in which they were tried */
    size_t points;
    size_t first, frames; /* of the options */
} sp_radius;
/** sp_radius_init - an outcome that holds nothing. */
void sp_radius_init(sp_radius *radius);
void sp_radius_clear(sp_radius *radius);

/** sp_radius_find - certifies and attacks budgets until the two edges are known to the tolerance.
 *  Always leaves an outcome, as sp_certify does. */
sp_status sp_radius_find(sp_error *err, sp_radius *radius, const sp_attacker *attacker,
                         const sp_clip *clip, long label, const sp_radius_options *options);

/** sp_radius_weakest - the search with the smallest certified budget (among equals, the smallest
 *  broken one). */
size_t sp_radius_weakest(const sp_radius *radius, size_t count);

/* ---- studies: what a report shows of a clip ---- */

typedef struct sp_study_options {
    size_t budgets;
    const sp_budget *budget; /* [budgets] that are certified besides the search; borrowed */
    /* of the search; its attack.out: where the breaking file goes, NULL: it is not kept. The
     * timeout is that of the whole study, of which the budgets take half at most. */
    sp_radius_options radius;
} sp_study_options;

/** sp_study - all that is known of one clip. */
typedef struct sp_study {
    sp_clip clip; /* owned */
    bool own;     /* the label is the model's own answer */
    sp_radius radius;
    size_t budgets;
    sp_verdict *verdict; /* [budgets] owned; broken where the breaking file lies in the set */
    sp_attack attack;    /* that file and its noise; its verdict is broken only when there is one */
    size_t nearest;      /* the label that the linearised model reaches first; or SP_NO_LABEL */
    double *share;       /* [frames] owned; of the margin over it, the part of the slope that lies
                          * in each frame's step (the rest of the clip in the last one's) */
    char *sound; /* owned bytes of the clip's file; NULL: more than SP_STUDY_BYTES, or none */
    size_t sound_size;
} sp_study;
#define SP_STUDY_BYTES ((size_t)1 << 20)
/** sp_study_init - a study that holds nothing; its verdict is an error. */
void sp_study_init(sp_study *study);
/** sp_study_make - searches, certifies and attacks; takes the clip over. What fails leaves its
 *  reason in its verdict, without memory verdict is NULL. */
void sp_study_make(sp_study *study, const sp_attacker *attacker, sp_clip *clip, long label,
                   const sp_study_options *options);
void sp_study_clear(sp_study *study);
/** sp_study_hear - gives a study the clip that it is of, which it takes over, and its sound, which
 *  was read from `source`. */
void sp_study_hear(sp_study *study, sp_clip *clip, const char *source);

/* ---- comparisons ---- */

/** sp_comparison_setup - what runs on every clip; everything is borrowed. */
typedef struct sp_comparison_setup {
    size_t methods, budgets;
    const sp_pipeline *pipeline; /* [methods] */
    const sp_budget *budget;     /* [budgets] */
    char *const *text;           /* [budgets] as the user wrote them */
    const size_t *quiet_first;   /* [budgets] their order by loudness */
    const sp_attacker *attacker; /* NULL: no attack */
    sp_attack_options attack;    /* its hint, timeout, source and out are not read */
    double timeout;              /* seconds of each verdict and attack; 0: none */
} sp_comparison_setup;

/** sp_comparison - the outcomes for one clip. */
typedef struct sp_comparison {
    size_t budgets, methods;
    sp_verdict *verdict; /* [budgets, methods] owned */
    sp_attack *attack;   /* [budgets] owned */
    bool interrupted;    /* what has timed out was cut short, and counts nowhere */
    bool *known; /* [budgets * methods + 1] owned: what is there already; last: all attacks */
    /* called when task b * methods + m, or the last one, the attacks, is done, in any thread; or
     * NULL */
    void (*finished)(void *context, const struct sp_comparison *comparison, size_t task);
    void *context;
} sp_comparison;
SP_NODISCARD sp_status sp_comparison_init(sp_error *err, sp_comparison *comparison, size_t budgets,
                                          size_t methods);
void sp_comparison_clear(sp_comparison *comparison);
/** sp_comparison_asks - how one method answers, and how the clip is attacked, at one budget. */
typedef struct sp_comparison_asks {
    const void *of;
    void (*certify)(const void *of, sp_verdict *verdict, const sp_pipeline *pipeline,
                    const sp_budget *budget, double timeout);
    void (*attack)(const void *of, sp_attack *attack, const sp_attacker *attacker,
                   const sp_budget *budget, const sp_attack_options *options);
} sp_comparison_asks;
/** sp_comparison_run_asks - sp_comparison_run of something else than a whole clip. */
void sp_comparison_run_asks(sp_comparison *comparison, const sp_comparison_setup *setup,
                            const sp_comparison_asks *asks, const char *source);
/** sp_comparison_run - certifies by every method and attacks, at every budget, all that is not
 *  known. `source`: the clip's file, or NULL. What fails leaves its reason in its verdict. */
void sp_comparison_run(sp_comparison *comparison, const sp_comparison_setup *setup,
                       const sp_clip *clip, long label, const char *source);
/** sp_comparison_contradicts - certified, and broken at this budget or at one of the same kind that
 *  is no larger: one of the two is wrong. */
bool sp_comparison_contradicts(const sp_comparison *comparison, size_t budget, size_t method);

/** sp_comparison_totals - sums over clips that are answered rightly without noise. */
typedef struct sp_comparison_sum {
    size_t clips, certified, broken, broken_file; /* broken: by real-valued noise; by files */
    size_t vacuous;                               /* of the certified ones: sp_verdict_is_vacuous */
    size_t timeouts;
    size_t margins;         /* finite ones */
    double margin, seconds; /* sums */
} sp_comparison_sum;
typedef struct sp_comparison_totals {
    size_t budgets, methods;
    size_t heard, right; /* usable clips, and those answered rightly */
    /* [budgets] owned; of them, those of whose format no other file lies in the set */
    size_t *quiet_heard, *quiet_right;
    sp_comparison_sum *method; /* [budgets, methods] owned */
    sp_comparison_sum *attack; /* [budgets] owned */
    /* [right, (budgets + 1) * methods] owned: of every clip the margins and, last, the radius of
     * each method; NaN where there is none. A radius is the loudest budget that the method
     * certifies, as a part of what it is relative to, of sequences as eps; 0: it certifies none. */
    double *sample;
    size_t room;
    bool lost; /* there was no memory for all of them */
} sp_comparison_totals;
SP_NODISCARD sp_status sp_comparison_totals_init(sp_error *err, sp_comparison_totals *totals,
                                                 size_t budgets, size_t methods);
void sp_comparison_totals_clear(sp_comparison_totals *totals);
void sp_comparison_totals_add(sp_comparison_totals *totals, const sp_comparison *comparison);
/** sp_comparison_column - the margins of a method at a budget, or its radii with budget == budgets,
 *  one for each clip that is answered rightly.   O values [right] */
void sp_comparison_column(const sp_comparison_totals *totals, double *values, size_t budget,
                          size_t method);
/** sp_comparison_share - in percent; NaN of nothing. */
double sp_comparison_share(size_t part, size_t whole);

/* ---- statistics; values that are not finite are left out ---- */

/** sp_paired_spread - of a list of values; NaN where there are too few. */
enum { SP_PAIRED_QUANTILES = 5 };
typedef struct sp_paired_spread {
    size_t count;
    double mean, deviation;               /* with count - 1 */
    double quantile[SP_PAIRED_QUANTILES]; /* 5, 25, 50, 75 and 95 % of the values are smaller */
} sp_paired_spread;
SP_NODISCARD sp_status sp_paired_spread_of(sp_error *err, sp_paired_spread *spread,
                                           const double *values, size_t count);

/** sp_paired - Wilcoxon's signed-rank test of pairs a, b: whether their differences lie around 0.
 *  Differences of 0 are left out, equal ones share their ranks. */
typedef struct sp_paired {
    size_t pairs, larger, equal, smaller; /* a > b, ... */
    sp_paired_spread difference;          /* a - b */
    double rank_sum;                      /* the smaller one of the two signs */
    double p;                             /* two-sided; NaN: no pair differs */
    bool exact; /* over all signs, up to 50 differences; else normal with the variance for ties */
} sp_paired;
SP_NODISCARD sp_status sp_paired_test(sp_error *err, sp_paired *paired, const double *a,
                                      const double *b, size_t count);

#ifdef __cplusplus
}
#endif

#endif
