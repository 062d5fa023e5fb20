/* The options that only soundproof audit has. Private to this folder. */
#ifndef SP_CLI_AUDIT_H
#define SP_CLI_AUDIT_H

#include "cli/impl.h"

#define CLI_AUDIT_OPTIONS(X)                                                                       \
    X(PROPERTY, "property",                                                                        \
      "what to audit, with commas between: fire, silent, burst, gain, noise-line, stream-fire, "   \
      "stream-silent, dead-samples; all that apply unless given",                                  \
      "A,B,C")                                                                                     \
    X(SENSITIVITY, "sensitivity", "of mycroft-precise's trigger, between 0 and 1; 0.5", "S")       \
    X(GAIN, "gain", "the range of gains in dB; -6:6", "LO:HI")                                     \
    X(NOISE, "noise", "a recording of the noise of noise-line and the streams; white noise",       \
      "WAV")                                                                                       \
    X(BEFORE, "before", "seconds of background in front of the recording; 1.5", "S")               \
    X(AFTER, "after", "seconds of background behind it; 0.75", "S")                                \
    X(BACKGROUND, "background",                                                                    \
      "root mean square of the background noise in 16-bit steps, which the recording gets too; "   \
      "0 leaves digital silence; 30",                                                              \
      "LSB")

enum {
#define CLI_AUDIT_INDEX(name, option, help, argument) AUDIT_##name,
    CLI_AUDIT_OPTIONS(CLI_AUDIT_INDEX)
#undef CLI_AUDIT_INDEX
        CLI_AUDIT_COUNT
};
#define CLI_AUDIT_OPTION(name, option, help, argument) {option, help, argument},

/** cli_audit_options - the values of these options. */
typedef struct cli_audit_options {
    bool wanted[SP_PROPERTIES];
    bool chosen; /* by --property */
    double sensitivity, gain_lo, gain_hi;
    sp_clip_background background;
    const char *noise; /* borrowed; NULL: white */
} cli_audit_options;
/** cli_audit_options_read - -1, or the exit code after a message. */
int cli_audit_options_read(cli_audit_options *asked, const cli_options *options);

extern const cli_command cli_audit;

#endif
