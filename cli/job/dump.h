/* --dump-bounds: boxes of the nodes of a network in a file. Private to this folder. */
#ifndef SP_CLI_DUMP_H
#define SP_CLI_DUMP_H

#include "cli/impl.h"

/** cli_dump_node - the boxes of one node: [frames, width] of each end. */
typedef struct cli_dump_node {
    size_t node, frames, width;
    const char *kind;
    double *lower, *upper; /* owned, in one block */
} cli_dump_node;

/** cli_dump_part - what is known of one clip under one budget. */
typedef struct cli_dump_part {
    cli_dump_node *node; /* [nodes] owned */
    size_t nodes;
    sp_error err; /* why there are none */
} cli_dump_part;
/** cli_dump_bounds - the boxes of the method's last pass, see sp_certify_boxes; failures are in the
 *  part. */
void cli_dump_bounds(cli_dump_part *part, const sp_pipeline *pipeline, const sp_clip *clip,
                     const sp_budget *budget, double timeout);
void cli_dump_part_clear(cli_dump_part *part);

/** cli_dump - the file: NumPy's .npz, or JSON, by its ending. */
typedef struct cli_dump cli_dump;
/** cli_dump_open - -1, or the exit code after a message. cli_dump_add - the boxes of a clip, or the
 *  failure that is in the part; clears it. cli_dump_close - writes it; *dump is NULL then.
 *  cli_dump_drop - does not. */
int cli_dump_open(cli_dump **dump, const cli_command *command, const char *path);
SP_NODISCARD sp_status cli_dump_add(sp_error *err, cli_dump *dump, cli_dump_part *part,
                                    const char *clip, const char *budget, double eps);
SP_NODISCARD sp_status cli_dump_close(sp_error *err, cli_dump **dump);
void cli_dump_drop(cli_dump *dump);

#endif
