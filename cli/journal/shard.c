/* What clips cost, and which of them are the shard's. The cost of a clip is the number of
 * operations of one pass of back-substitution over its frames (cli/bench/bench_pass.c): budgets,
 * methods and attacks multiply that of every clip alike. Whole numbers, equal on every machine. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "cli/bench/bench.h"
#include "cli/job/job.h"

/* Searches at every place of the noise are as many as there are frames. */
static double cost_of(const cli_job *job, size_t frames) {
    const cli_options *options = job->options;
    const bool everywhere =
        options->frame == CLI_ALL_FRAMES || (options->burst > 0 && options->frame < 0);
    const sp_net *net = &job->session.files.model.net;
    const size_t heard = net->steps > 0 && net->steps < frames ? net->steps : frames;
    const double pass = bench_pass_flops(net, sp_front_layout_of(job->session.files.front), heard);
    return (everywhere && job->command->each_place ? (double)frames : 1.0) * pass;
}

static double measure(const cli_job *job, const char *path) {
    if (job->session.clips.sequences) {
        return 1.0; // those of a file are of one length
    }
    const sp_front_layout *layout = sp_front_layout_of(job->session.files.front);
    size_t samples = 0;
    int rate = 0;
    if (sp_clip_length(NULL, &samples, &rate, path) != SP_OK || rate <= 0) {
        return 0.0; // it is refused, which takes no time
    }
    if (rate != layout->sample_rate) {
        samples = (size_t)((double)samples * layout->sample_rate / rate);
    }
    const size_t frames = sp_front_frames(job->session.files.front, samples);
    return frames == 0                               ? 0.0
           : job->session.files.model.net.nodes == 0 ? (double)frames
                                                     : cost_of(job, frames);
}

/* The clips of the shard, in their order. */
static void leave(cli_clips *clips, const size_t *shard, size_t own) {
    size_t count = 0;
    for (size_t i = 0; i < clips->count; i++) {
        if (shard[i] != own) {
            free(clips->names.name[i]);
            continue;
        }
        clips->index[count] = i;
        clips->path[count] = clips->path[i];
        clips->file[count] = clips->file[i];
        clips->names.name[count] = clips->names.name[i];
        clips->cost[count] = clips->cost[i];
        count++;
    }
    clips->count = count;
    clips->names.count = count;
}

/* Shards that were made on machines which see other files do not fit together. */
static void digest_split(cli_clips *clips, size_t shards) {
    sp_digest *digest = sp_digest_create();
    sp_digest_number(digest, shards);
    for (size_t i = 0; i < clips->count; i++) {
        sp_digest_add(digest, clips->path[i], strlen(clips->path[i]) + 1);
        sp_digest_real(digest, clips->cost[i]);
    }
    if (sp_digest_finish(digest, clips->split) != SP_OK) {
        clips->split[0] = '\0';
    }
}

int cli_shard_take(cli_job *job) {
    const cli_options *options = job->options;
    cli_clips *clips = &job->session.clips;
    const bool sharded = options->shards > 0;
    if (!sharded && !options->journal && (clips->count < 2 || isatty(STDERR_FILENO) != 1)) {
        return -1;
    }
    sp_error err = {0};
    size_t *shard = calloc(clips->count + 1, sizeof *shard);
    clips->cost = calloc(clips->count + 1, sizeof *clips->cost);
    clips->index = calloc(clips->count + 1, sizeof *clips->index);
    bool taken = shard && clips->cost && clips->index;
    for (size_t i = 0; taken && i < clips->count; i++) {
        clips->index[i] = i;
        clips->cost[i] = measure(job, clips->file[i]);
    }
    if (taken) {
        digest_split(clips, options->shards ? options->shards : 1);
    }
    if (taken && sharded) {
        taken = sp_shard_split(&err, shard, clips->cost, clips->count, options->shards) == SP_OK;
        if (taken) {
            leave(clips, shard, options->shard - 1);
        }
    }
    free(shard);
    if (!taken) {
        return cli_clips_out_of_memory(clips);
    }
    if (clips->count == 0) {
        cli_complain("--shard %zu/%zu: has no clips, for there are only %zu", options->shard,
                     options->shards, clips->given);
    }
    return -1;
}
