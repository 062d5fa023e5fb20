/* Whether the front end fits the model. Private to this folder. */
#ifndef SP_CLI_FRONT_CHECK_H
#define SP_CLI_FRONT_CHECK_H

#include "cli/impl.h"

/** cli_front_check - says on stderr in which members --front differs from the description inside
 *  the model, and what the first clip is answered with either; and whether the other bank of
 *  mycroft-precise would change the answer. */
void cli_front_check(const cli_session *session, const cli_command *command);
/** cli_front_other_bank - when --front is one of the two banks, the other one, which stands beside
 *  it; NULL: neither. cli_front_say_bank - where the two answer differently. */
sp_front *cli_front_other_bank(const sp_front *front, const char *path);
void cli_front_say_bank(const char *clip, const sp_front *front, double logit,
                        const sp_front *other, double other_logit, double threshold);

#endif
