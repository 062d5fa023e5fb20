/* Properties, methods, verdicts and their reports: what the command and the library offer. */
#ifndef SP_CERTIFY_CERTIFY_H
#define SP_CERTIFY_CERTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "audio/audio.h"
#include "base/status.h"
#include "lstm/lstm.h"
#include "preprocess/preprocess.h"
#include "relax/relax.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_method - a row of the table of methods. */
typedef struct sp_method {
    const char *name;    /* "exact" */
    const char *summary; /* one line, with its source */
    sp_front_rule front; /* default relaxation of the front end */
    /* each is tried only while some margin is not positive; every label keeps its best */
    size_t passes;
    const sp_bounds_options *pass; /* [passes], cheapest first; deadlines are set per clip */
    /* how often a label that no pass excludes is bounded again, with the last pass, on the noises
     * for which it could still win (certify/remaining.c) */
    size_t rounds;
} sp_method;

/** sp_methods - the table; sp_method_find - a row by name, or NULL. */
const sp_method *sp_methods(size_t *count);
const sp_method *sp_method_find(const char *name);
/** sp_method_single - "exact/float32" for exact: the same method with each pass in single precision
 *  first, and in double where that does not certify; NULL: there is none. */
const sp_method *sp_method_single(const sp_method *method);

/** sp_system - a network behind its front end: what is being certified. Shared by clips and
 *  threads. */
typedef struct sp_system {
    const sp_net *net;     /* borrowed */
    const sp_front *front; /* borrowed */
    sp_front_forms *forms; /* owned; for the rule of the method */
    const sp_method *method;
    sp_front_rule front_rule;
    double threshold; /* of a net with one logit: it fires from here on; 0 unless set */
    const struct sp_model *original; /* borrowed; its own graph hears breaking files too; or NULL */
} sp_system;

/** sp_system_answers - between how many answers a net decides. A net with one logit has two: 0, it
 *  stays silent, and 1, it fires. Their scores are the threshold and the logit; the scores of other
 *  nets are their logits. Everywhere below, logits, margins and labels are those of the answers. */
size_t sp_system_answers(const sp_net *net);

/** sp_system_init - checks that net and front end fit together and prepares the forms of `rule`
 *  (method->front, or another one asked for by --front-relax). */
SP_NODISCARD sp_status sp_system_init(sp_error *err, sp_system *system, const sp_net *net,
                                      const sp_front *front, const sp_method *method,
                                      sp_front_rule rule);
void sp_system_clear(sp_system *system);

typedef enum {
    SP_VERDICT_CERTIFIED,     /* no noise of the set changes the answer: every margin is positive */
    SP_VERDICT_BROKEN,        /* a noise of the set that changes it is known */
    SP_VERDICT_UNKNOWN,       /* neither was shown */
    SP_VERDICT_MISCLASSIFIED, /* the clean clip is not given this label */
    SP_VERDICT_TIMEOUT,
    SP_VERDICT_ERROR
} sp_verdict_kind;
const char *sp_verdict_name(sp_verdict_kind kind);

#define SP_VERDICT_KINDS 6

/** SP_NO_LABEL - stands for a label or a prediction that is not known. */
#define SP_NO_LABEL ((size_t)-1)

/** sp_verdict - the outcome for one clip and one budget. */
typedef struct sp_verdict {
    sp_verdict_kind kind;
    char reason[512];        /* why it is not certified; "" when it is */
    size_t label, predicted; /* SP_NO_LABEL where not known */
    size_t classes, frames;
    double *logits; /* [classes] owned; of the clean clip */
    /* [classes] owned; certified lower bound of logit[label] - logit[k]; NaN at the label and
     * where none was computed */
    double *margins;
    double margin; /* least of them; NaN when none was computed */
    double error;  /* largest running error term inside the margins */
    double eps;    /* radius in sample units */
    sp_budget_scale scale;
    double seconds, cpu_seconds; /* cpu_seconds: of the whole process, all threads */
    double front_seconds, boxes_seconds,
        rows_seconds; /* of it: front end, boxes of all cells, margins */
} sp_verdict;
/** sp_verdict_init - an outcome that holds nothing: kind error, numbers NaN, labels SP_NO_LABEL. */
void sp_verdict_init(sp_verdict *verdict);
void sp_verdict_clear(sp_verdict *verdict);
/** sp_verdict_judge - sets margin, kind and reason from label, classes, logits and margins.
 *  Certified only if every margin but the label's own is > 0: NaN and -inf are unknown. */
void sp_verdict_judge(sp_verdict *verdict);

/** sp_prediction - the index of the largest logit; *tie says whether another one equals it.
 *  SP_NO_LABEL when there is none or one is not finite. */
size_t sp_prediction(const double *logits, size_t classes, bool *tie);

/** SP_ARITHMETIC - the arithmetic model of every verdict, printed with it (after GPUPoly's levels).
 *  */
#define SP_ARITHMETIC "real arithmetic over the file's weights and the front end's double constants"

/** sp_certify - the verdict for one clip. `label` < 0: the model's own prediction.
 *  Always leaves a verdict: errors become SP_VERDICT_ERROR (or _TIMEOUT) with the reason, and are
 *  also returned. timeout in seconds, 0: none. */
sp_status sp_certify(sp_error *err, sp_verdict *verdict, const sp_system *system,
                     const sp_clip *clip, const sp_budget *budget, long label, double timeout);
/** sp_certify_noise - the same for any noise set; eps is its largest radius, snr_db that of its
 *  loudest noise. A set of radius 0 is an error. */
sp_status sp_certify_noise(sp_error *err, sp_verdict *verdict, const sp_system *system,
                           const sp_clip *clip, const sp_noise *noise, long label, double timeout);

/** sp_work - a clip, a budget, and where the verdict goes. */
typedef struct sp_work {
    const sp_clip *clip;
    const sp_budget *budget;
    long label; /* -1: the model's own answer */
    sp_verdict *verdict;
} sp_work;

/** sp_certify_all - the verdicts that sp_certify gives for each, on all threads; on a device many
 *  clips at once, whose seconds are then those of the batch. SP_E_MEMORY: nothing was done. */
SP_NODISCARD sp_status sp_certify_all(sp_error *err, const sp_system *system, const sp_work *work,
                                      size_t count, double timeout);

/* ---- attacks ---- */

/** sp_attacker - what attacks need besides the system. Shared by clips and threads. */
typedef struct sp_attacker {
    const sp_system *system;     /* borrowed */
    const sp_front_forms *forms; /* of the joint front end: the system's, or own */
    sp_front_forms *own;         /* owned; NULL when the system's rule is joint */
} sp_attacker;
SP_NODISCARD sp_status sp_attacker_init(sp_error *err, sp_attacker *attacker,
                                        const sp_system *system);
void sp_attacker_clear(sp_attacker *attacker);

typedef struct sp_attack_options {
    size_t steps, starts; /* gradient steps per start, and starts; 0: SP_ATTACK_STEPS, _STARTS */
    uint64_t seed;        /* of the random starts; results depend on nothing else */
    double timeout;       /* seconds; 0: none */
    const double *hint;   /* [n] a noise to start from, cut to the set; NULL: none */
    /* audio file that the clip was read from: counterexamples are written in its format; NULL:
     * none is written, and nothing counts as broken */
    const char *source;
    const char *out; /* path of the file; NULL: it is written, replayed and removed */
} sp_attack_options;
enum { SP_ATTACK_STEPS = 40, SP_ATTACK_STARTS = 6 };

/** sp_attack - the outcome of an attack. The verdict is broken only when a file in the sample
 *  format of the source, written, read again and found inside the noise set, is given another
 *  label; otherwise it is unknown with the reason. Its margins are no bounds: they are attained, by
 *  that file or else by the best real-valued noise. */
typedef struct sp_attack {
    sp_verdict verdict;
    double *noise;      /* [n] owned: that of the file, or the best real-valued one; or NULL */
    double real_margin; /* least margin under the best real-valued noise; NaN: no attack */
    size_t real_answer; /* the strongest other label there */
    bool real_broken;   /* it changes the answer, by more than rounding errors */
    double file_margin; /* of the best clip of the sample format; NaN: none was looked for or is */
    double original_margin; /* of the broken file by the model file's own graph; NaN: not heard */
    size_t file_answer;     /* the strongest other label there; SP_NO_LABEL likewise */
    double file_largest;    /* largest sample of the replayed file's noise; NaN without one */
    double file_snr_db;     /* the clip's power over that of this noise */
    size_t steps;           /* gradients taken */
} sp_attack;
/** sp_attack_init - an outcome that holds nothing. */
void sp_attack_init(sp_attack *attack);
void sp_attack_clear(sp_attack *attack);

/** sp_attack_budget / sp_attack_noise - projected gradient descent of the margins over the samples,
 *  through the whole pipeline. Always leave an outcome, as sp_certify does. */
sp_status sp_attack_budget(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                           const sp_clip *clip, const sp_budget *budget, long label,
                           const sp_attack_options *options);
sp_status sp_attack_noise(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                          const sp_clip *clip, const sp_noise *noise, long label,
                          const sp_attack_options *options);

/** sp_verdict_attack - attacks what could not be certified: an unknown verdict becomes broken, or
 *  keeps its margins and says in its reason how far the attack came. Its seconds are added. */
void sp_verdict_attack(sp_verdict *verdict, const sp_attacker *attacker, const sp_clip *clip,
                       const sp_budget *budget, long label, const sp_attack_options *options);

/* ---- radius ---- */

typedef struct sp_radius_options {
    double tolerance;     /* dB > 0: the budgets that are tried are its multiples */
    size_t first, frames; /* noise in the samples of these frames only; frames 0: in all samples */
    bool no_attack;       /* only certificates are tried */
    sp_attack_options attack; /* its hint, timeout and out are not read */
    double timeout;           /* seconds of the whole search; 0: none */
} sp_radius_options;

/** sp_radius_point - one budget that was tried. */
typedef struct sp_radius_point {
    double db;      /* relative to the clip's peak */
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
 *  Budgets in dB relative to the clip's peak; NaN: none found. */
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

/* ---- studies: what a report shows of a clip ---- */

typedef struct sp_study_options {
    size_t budgets;
    const sp_budget *budget; /* [budgets] that are certified besides the search; borrowed */
    /* of the search; its attack.out: where the breaking file goes, NULL: it is not kept. The
     * timeout also holds for every verdict. */
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
    size_t rival;        /* the label that the linearised model reaches first; or SP_NO_LABEL */
    double *share;       /* [frames] owned; of the margin over it, the part of the slope that lies
                          * in each frame's step (the rest of the clip in the last one's) */
    char *sound, *noisy; /* owned bytes of the clip's file and of the breaking one; NULL: more than
                          * SP_STUDY_BYTES, or none */
    size_t sound_size, noisy_size;
} sp_study;
#define SP_STUDY_BYTES ((size_t)1 << 20)
/** sp_study_init - a study that holds nothing; its verdict is an error. */
void sp_study_init(sp_study *study);
/** sp_study_make - searches, certifies and attacks; takes the clip over. What fails leaves its
 *  reason in its verdict, without memory verdict is NULL. */
void sp_study_make(sp_study *study, const sp_attacker *attacker, sp_clip *clip, long label,
                   const sp_study_options *options);
void sp_study_clear(sp_study *study);

/** sp_page - a report on several clips; everything is borrowed. */
typedef struct sp_page {
    const char *model;       /* its name, to be shown */
    const sp_system *system; /* that was certified */
    size_t count, budgets;
    const sp_study *study; /* [count] */
    char *const *name;     /* [count] of the clips, to be shown */
    const char **file;     /* [count] of the clips: the ending says how a browser plays it */
    char *const *kept;     /* [count] where breaking files were kept; or NULL, as each may be */
    char *const *budget;   /* [budgets] as the user wrote them */
} sp_page;
/** sp_page_write - one HTML file that is also well-formed XML: charts, styles and sounds are inside
 *  it. The same page gives the same bytes. */
SP_NODISCARD sp_status sp_page_write(sp_error *err, FILE *out, const sp_page *page);

/* ---- charts ---- */

typedef struct sp_chart_series {
    const char *name;
    const double *y; /* [points] in percent; NaN leaves a gap */
} sp_chart_series;

/** sp_chart - shares in percent against something else, one line per series. */
typedef struct sp_chart {
    const char *title, *x_label, *y_label;
    size_t points;
    const double *x; /* [points] ascending */
    bool flip;       /* the largest x stands on the left */
    size_t count;
    const sp_chart_series *series; /* [count] */
    const double *ceiling;         /* [points] share that no series can exceed; or NULL */
    const char *ceiling_name;
} sp_chart;

/** sp_chart_write - to FILE.svg or FILE.png; a path with another ending gets both. */
SP_NODISCARD sp_status sp_chart_write(sp_error *err, const sp_chart *chart, const char *path);

/* ---- comparisons ---- */

/** sp_contest - what runs on every clip; everything is borrowed. */
typedef struct sp_contest {
    size_t methods, budgets;
    const sp_system *system;     /* [methods] */
    const sp_budget *budget;     /* [budgets] */
    char *const *text;           /* [budgets] as the user wrote them */
    const size_t *quiet_first;   /* [budgets] their order by loudness */
    const sp_attacker *attacker; /* NULL: no attack */
    sp_attack_options attack;    /* its hint, timeout, source and out are not read */
    double timeout;              /* seconds of each verdict and attack; 0: none */
} sp_contest;

/** sp_comparison - the outcomes for one clip. */
typedef struct sp_comparison {
    size_t budgets, methods;
    sp_verdict *verdict; /* [budgets, methods] owned */
    sp_attack *attack;   /* [budgets] owned */
} sp_comparison;
SP_NODISCARD sp_status sp_comparison_init(sp_error *err, sp_comparison *comparison, size_t budgets,
                                          size_t methods);
void sp_comparison_clear(sp_comparison *comparison);
/** sp_compare - certifies by every method and attacks, at every budget. `source`: the clip's file,
 *  or NULL. What fails leaves its reason in its verdict. */
void sp_compare(sp_comparison *comparison, const sp_contest *contest, const sp_clip *clip,
                long label, const char *source);
/** sp_comparison_contradicts - certified and broken: one of the two is wrong. */
bool sp_comparison_contradicts(const sp_comparison *comparison, size_t budget, size_t method);

/** sp_standings - sums over clips that are answered rightly without noise. */
typedef struct sp_standing {
    size_t clips, certified, broken, broken_file; /* broken: by real-valued noise; by files */
    size_t margins;                               /* finite ones */
    double margin, seconds;                       /* sums */
} sp_standing;
typedef struct sp_standings {
    size_t budgets, methods;
    size_t heard, right; /* usable clips, and those answered rightly */
    sp_standing *method; /* [budgets, methods] owned */
    sp_standing *attack; /* [budgets] owned */
} sp_standings;
SP_NODISCARD sp_status sp_standings_init(sp_error *err, sp_standings *standings, size_t budgets,
                                         size_t methods);
void sp_standings_clear(sp_standings *standings);
void sp_standings_add(sp_standings *standings, const sp_comparison *comparison);

/* ---- labels ---- */

/** sp_label_of_name - the label that a file name carries: its single digit before the first '_', as
 *  in "8_theo_3.wav", when it is below `classes`; -1 otherwise. Folders of the path do not count.
 *  */
long sp_label_of_name(const char *path, size_t classes);

/** sp_split - what a clip of a manifest is for. */
typedef enum { SP_SPLIT_NONE, SP_SPLIT_TRAIN, SP_SPLIT_VALIDATION, SP_SPLIT_TEST } sp_split;
/** sp_split_name - "train", "validation", "test"; "" for none. sp_split_parse - false: none of the
 *  three. */
const char *sp_split_name(sp_split split);
bool sp_split_parse(sp_split *split, const char *text);

/** sp_manifest - clips and their labels, read from lines "path TAB label", which may go on with
 *  "TAB split" and "TAB split TAB speaker". */
typedef struct sp_manifest_entry {
    char *given; /* owned; as the line has it */
    /* owned; relative to the manifest's folder where such a file exists, else as given */
    char *resolved;
    long label;
    sp_split split;
    char *speaker; /* owned; "" when the line names none */
    size_t line;
    unsigned long long device, inode; /* of the file; 0, 0 when it does not exist */
} sp_manifest_entry;
typedef struct sp_manifest {
    sp_manifest_entry *entry; /* [count] owned */
    size_t count;
} sp_manifest;

/** sp_manifest_read - lines that start with '#' and empty lines are skipped; a first line
 *  "path TAB label" (and more columns) is a header. Anything else that is not a path, a whole
 *  number >= 0, one of the splits and a name, and two labels or two splits for one path, are
 *  SP_E_FORMAT with the line's number. */
SP_NODISCARD sp_status sp_manifest_read(sp_error *err, sp_manifest *manifest, const char *path);
void sp_manifest_clear(sp_manifest *manifest);
/** sp_manifest_find - the entry of a clip, by the path as given, resolved, or the same file; or
 *  NULL. */
const sp_manifest_entry *sp_manifest_find(const sp_manifest *manifest, const char *clip);

/* ---- reports: texts without a trailing newline unless said; free them with free; NULL: no memory
 * ---- */

/** sp_report_json - one JSON object with the keys that README.md lists; `system` may be NULL. */
char *sp_report_json(const char *clip, const sp_system *system, const sp_verdict *verdict);

/** sp_text_width - the number of terminal columns of a UTF-8 text. */
size_t sp_text_width(const char *text);
/** sp_report_head / sp_report_row - a line of the table; the first column is clip_width wide. */
char *sp_report_head(size_t clip_width);
char *sp_report_row(const char *clip, size_t clip_width, const sp_verdict *verdict);
/** sp_report_details - the margin of every label, the error term and the times of the stages;
 *  several indented lines. */
char *sp_report_details(const sp_verdict *verdict);

/** sp_attack_json - one JSON object: the members of sp_report_json up to the reason, and those of
 *  the attack. sp_attack_head / sp_attack_row - a line of the table of attacks. */
char *sp_attack_json(const char *clip, const sp_attack *attack, const sp_attack_options *options);
char *sp_attack_head(size_t clip_width);
char *sp_attack_row(const char *clip, size_t clip_width, const sp_attack *attack);

/** sp_radius_json - one JSON object: the members of sp_report_json up to the reason, and those of
 *  the search. `weakest`: of noise in some frames only, this is the clip's weakest moment.
 *  sp_radius_head / sp_radius_row - a line of the table; `moments` adds the column of the frames.
 *  sp_radius_details - every budget that was tried, several indented lines. */
char *sp_radius_json(const char *clip, const sp_system *system, const sp_radius *radius,
                     bool weakest);
char *sp_radius_head(size_t clip_width, bool moments);
char *sp_radius_row(const char *clip, size_t clip_width, const sp_radius *radius, bool moments);
char *sp_radius_details(const sp_radius *radius);
/** sp_radius_weakest - the search with the smallest certified budget (among equals, the smallest
 *  broken one). sp_radius_moment - one line that names it; its frames must not be 0. */
size_t sp_radius_weakest(const sp_radius *radius, size_t count);
char *sp_radius_moment(const sp_system *system, const sp_radius *radius);

/** sp_comparison_head / sp_comparison_row - a line per clip: the loudest budget that each method
 *  certifies and the quietest that the attack breaks. */
char *sp_comparison_head(size_t clip_width, const sp_contest *contest);
char *sp_comparison_row(const char *clip, size_t clip_width, const sp_comparison *comparison,
                        const sp_contest *contest);
/** sp_standing_json - one JSON object for a budget and a method; method == methods: the attack.
 *  sp_standings_table - shares, mean margins and seconds per clip, several lines. */
char *sp_standing_json(const sp_standings *standings, const sp_contest *contest, size_t budget,
                       size_t method);
char *sp_standings_table(const sp_standings *standings, const sp_contest *contest);
/** sp_field - what one model achieved. Everything is borrowed. */
typedef struct sp_field {
    const char *model; /* its name; not read when it is the only one */
    const sp_standings *standings;
    const sp_contest *contest;
} sp_field;
/** sp_standings_chart - the certified shares against the budget. One model: of the clips that it
 *  answers rightly, under the attack's ceiling; several, with the same budgets: of all clips.
 *  sp_contest_check_chart - SP_E_ARGUMENT when there is no common axis for the budgets. */
SP_NODISCARD sp_status sp_standings_chart(sp_error *err, const sp_field *field, size_t fields,
                                          const char *path);
SP_NODISCARD sp_status sp_contest_check_chart(sp_error *err, const sp_contest *contest);

/** sp_tally - how many verdicts of each kind. */
typedef struct sp_tally {
    size_t total, kind[SP_VERDICT_KINDS];
} sp_tally;
void sp_tally_add(sp_tally *tally, const sp_verdict *verdict);
/** sp_report_summary - one line that says what was proved; `budget` is the user's text. */
char *sp_report_summary(const char *budget, const sp_tally *tally);

#ifdef __cplusplus
}
#endif

#include "certify/audit.h"

#endif
