/* The options of soundproof audit. Private to this folder. */
#ifndef SP_CLI_AUDIT_OPTIONS_H
#define SP_CLI_AUDIT_OPTIONS_H

#include "cli/impl.h"

/** cli_audit_options - their values. */
typedef struct cli_audit_options {
    const cli_command *command; /* borrowed: that messages name */
    bool wanted[SP_PROPERTIES];
    bool chosen; /* by --property */
    double sensitivity, gain_lo, gain_hi;
    double threshold; /* NaN: by the sensitivity, or of the model's own answer */
    bool logit;       /* the threshold is a logit, whatever the model's answer is */
    sp_trigger_rule rule;
    bool rule_given;
    bool background_given[3];   /* before, after, noise */
    size_t least;               /* CONSECUTIVE */
    double low;                 /* SPEECH: as the threshold; NaN: 0.15 below it */
    double speech_s, silence_s; /* SPEECH: seconds */
    long hop;                   /* frames from one prediction to the next; 0: not given */
    sp_clip_background background;
    const char *noise; /* borrowed; NULL: white */
} cli_audit_options;

enum {
    CLI_AUDIT_PROPERTY,
    CLI_AUDIT_SENSITIVITY,
    CLI_AUDIT_GAIN,
    CLI_AUDIT_NOISE,
    CLI_AUDIT_BEFORE,
    CLI_AUDIT_AFTER,
    CLI_AUDIT_BACKGROUND,
    CLI_AUDIT_THRESHOLD,
    CLI_AUDIT_TRIGGER,
    CLI_AUDIT_HOP,
    CLI_AUDIT_PROOF,
    CLI_AUDIT_OWNED
};
extern const cli_own cli_audit_own[CLI_AUDIT_OWNED];
/** cli_audit_options_read - -1, or the exit code after a message. */
int cli_audit_options_read(cli_audit_options *asked, const cli_options *options);
/** cli_audit_options_of_stream - without background, unless it was asked for; -1, or the exit code
 *  after a message where something is asked that streams do not have. */
int cli_audit_options_of_stream(cli_audit_options *asked, const cli_options *options);
/** cli_audit_trigger - the trigger that they ask for, of a model behind a front end: -1, or the
 *  exit code after a message. cli_audit_trigger_text - in words. */
int cli_audit_trigger(sp_trigger *trigger, const cli_audit_options *asked, const sp_net *net,
                      const sp_front_layout *layout);
void cli_audit_trigger_text(char text[160], const cli_audit_options *asked,
                            const sp_trigger *trigger);

#endif
