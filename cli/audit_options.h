/* The options of soundproof audit. Private to this folder. */
#ifndef SP_CLI_AUDIT_OPTIONS_H
#define SP_CLI_AUDIT_OPTIONS_H

#include "cli/impl.h"

/** cli_audit_options - their values. */
typedef struct cli_audit_options {
    bool wanted[SP_PROPERTIES];
    bool chosen; /* by --property */
    double sensitivity, gain_lo, gain_hi;
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
    CLI_AUDIT_OWNED
};
extern const cli_own cli_audit_own[CLI_AUDIT_OWNED];
/** cli_audit_options_read - -1, or the exit code after a message. */
int cli_audit_options_read(cli_audit_options *asked, const cli_options *options);

#endif
