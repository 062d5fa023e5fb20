/* Reading a recording. Integer formats arrive as 32 bit integers, shifted to the left, which a
 * power of two scales exactly; floating point and lossy formats arrive as doubles with full scale
 * 1. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audio/sound_file.h"

enum { BLOCK_VALUES = 65536 };

static const size_t default_limit = (size_t)30 * 60 * 48000;

// libsndfile keeps the reason of a failed open in a variable of the whole process.
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;

/* look - what can be said of a file without libsndfile. */
static sp_status look(sp_error *err, const char *path) {
    struct stat about;
    if (stat(path, &about) != 0) {
        return errno == ENOENT ? sp_fail(err, SP_E_IO, "no such file")
                               : sp_fail(err, SP_E_IO, "the file cannot be reached");
    }
    if (S_ISDIR(about.st_mode)) {
        return sp_fail(err, SP_E_IO, "is a directory, an audio file is needed");
    }
    if (S_ISREG(about.st_mode) && about.st_size == 0) {
        return sp_fail(err, SP_E_FORMAT, "the file is empty");
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return sp_fail(err, SP_E_IO, "the file cannot be opened: look at its permissions");
    }
    fclose(file);
    return SP_OK;
}

static sp_status open_sound(sp_error *err, sp_sound_file *file, const char *path) {
    SP_TRY(look(err, path));
    pthread_mutex_lock(&open_lock);
    file->handle = sf_open(path, SFM_READ, &file->info);
    if (file->handle == NULL) {
        sp_fail(err, SP_E_FORMAT, "is no audio file that can be read, or is damaged (%s)",
                sf_strerror(NULL));
    }
    pthread_mutex_unlock(&open_lock);
    return file->handle != NULL ? SP_OK : SP_E_FORMAT;
}

/* check_request - channel, rate and length, before any sample is read. */
static sp_status check_request(sp_error *err, const SF_INFO *info, const sp_clip_options *wanted) {
    if (info->channels < 1 || info->samplerate < 1) {
        return sp_fail(err, SP_E_FORMAT, "the file names %d channels at %d Hz", info->channels,
                       info->samplerate);
    }
    if (wanted->channel == 0 && info->channels > 1) {
        return sp_fail(err, SP_E_MISMATCH, "has %d channels: choose one by --channel 1 to %d",
                       info->channels, info->channels);
    }
    if (wanted->channel > info->channels) {
        return sp_fail(err, SP_E_MISMATCH, "has no channel %d, the last one is %d", wanted->channel,
                       info->channels);
    }
    if (wanted->rate != 0 && info->samplerate != wanted->rate && !wanted->resample) {
        return sp_fail(err, SP_E_MISMATCH,
                       "is sampled at %d Hz, the model hears %d Hz: convert the file, or let "
                       "--resample do it",
                       info->samplerate, wanted->rate);
    }
    return SP_OK;
}

/* append - count more samples, or SP_E_MEMORY. */
static sp_status append(sp_error *err, sp_clip *clip, size_t *room, const double *more,
                        size_t count) {
    if (count > *room - clip->n) {
        const size_t larger = 2 * *room + count;
        double *samples = realloc(clip->samples, larger * sizeof *samples);
        if (samples == NULL) {
            return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", larger);
        }
        clip->samples = samples;
        *room = larger;
    }
    memcpy(clip->samples + clip->n, more, count * sizeof *more);
    clip->n += count;
    return SP_OK;
}

/* read_block - the next frames, one channel of them as samples with full scale 1; collects the
 * bits that integers use. */
static size_t read_block(sp_sound_file *file, size_t channel, double *values, int *integers,
                         size_t frames, unsigned *used) {
    const size_t channels = (size_t)file->info.channels;
    const sf_count_t got = integers != NULL
                               ? sf_readf_int(file->handle, integers, (sf_count_t)frames)
                               : sf_readf_double(file->handle, values, (sf_count_t)frames);
    const size_t count = got > 0 ? (size_t)got : 0;
    for (size_t i = 0; i < count; i++) {
        const size_t at = i * channels + channel;
        values[i] = integers != NULL ? (double)integers[at] * 0x1p-31 : values[at];
        *used |= integers != NULL ? (unsigned)integers[at] : 0;
    }
    return count;
}

/* bits_used - some decoders (MIDI sample dumps) fill more bits than the format's name says. */
static int bits_used(unsigned used, int named) {
    int bits = 32;
    while (bits > named && (used >> (32 - bits) & 1u) == 0) {
        bits--;
    }
    return bits;
}

/* read_samples - all that the file gives, up to `limit` frames. */
static sp_status read_samples(sp_error *err, sp_clip *clip, sp_sound_file *file, size_t channel,
                              size_t limit) {
    const size_t channels = (size_t)file->info.channels;
    const size_t frames = BLOCK_VALUES / channels > 0 ? BLOCK_VALUES / channels : 1;
    double *values = malloc(frames * channels * sizeof *values);
    int *integers = clip->bits > 0 ? malloc(frames * channels * sizeof *integers) : NULL;
    sp_status status = SP_OK;
    size_t room = 0;
    unsigned used = 0;
    if (values == NULL || (clip->bits > 0 && integers == NULL)) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    while (status == SP_OK) {
        const size_t count = read_block(file, channel, values, integers, frames, &used);
        for (size_t i = 0; i < count; i++) {
            values[i] *= clip->full_scale;
        }
        if (count == 0) {
            break;
        }
        status = count <= limit - clip->n ? append(err, clip, &room, values, count)
                                          : sp_sound_too_long(err, limit);
    }
    if (clip->bits > 0) {
        clip->bits = bits_used(used, clip->bits);
    }
    free(values);
    free(integers);
    return status;
}

static sp_status read_clip(sp_error *err, sp_clip *clip, sp_sound_file *file,
                           const sp_clip_options *wanted) {
    const size_t limit = wanted->max_samples > 0 ? wanted->max_samples : default_limit;
    const size_t channel = wanted->channel > 0 ? (size_t)wanted->channel - 1 : 0;
    SP_TRY(check_request(err, &file->info, wanted));
    if (file->info.frames != SF_COUNT_MAX && file->info.frames > (sf_count_t)limit) {
        return sp_sound_too_long(err, limit);
    }
    clip->rate = file->info.samplerate;
    clip->full_scale = wanted->full_scale != 0.0 ? wanted->full_scale : 32768.0;
    clip->bits = sp_sound_bits(file->info.format);
    SP_TRY(read_samples(err, clip, file, channel, limit));
    clip->lsb = clip->bits > 0 ? ldexp(clip->full_scale, 1 - clip->bits) : 0.0;
    SP_TRY(sp_sound_whole(err, file, clip->n));
    if (wanted->rate != 0 && clip->rate != wanted->rate) {
        SP_TRY(sp_clip_measure(err, clip));
        SP_TRY(sp_clip_convert(err, clip, wanted->rate, limit));
    }
    return sp_clip_measure(err, clip);
}

static sp_status check_options(sp_error *err, const sp_clip_options *wanted) {
    const double scale = wanted->full_scale;
    if (wanted->rate < 0 || wanted->channel < 0 || !(scale >= 0.0 && isfinite(scale)) ||
        wanted->max_samples > (size_t)PTRDIFF_MAX / (4 * sizeof(double))) {
        return sp_fail(err, SP_E_ARGUMENT, "rate %d, channel %d, full scale %g is no request",
                       wanted->rate, wanted->channel, scale);
    }
    return SP_OK;
}

sp_status sp_clip_read(sp_error *err, sp_clip *clip, const char *path,
                       const sp_clip_options *options) {
    const sp_clip_options any = {0};
    const sp_clip_options *wanted = options != NULL ? options : &any;
    sp_sound_file file = {NULL, {0}, path};
    memset(clip, 0, sizeof *clip);
    sp_status status = check_options(err, wanted);
    if (status == SP_OK) {
        status = open_sound(err, &file, path);
    }
    if (status == SP_OK) {
        status = read_clip(err, clip, &file, wanted);
    }
    if (file.handle != NULL) {
        sf_close(file.handle);
    }
    if (status != SP_OK) {
        sp_clip_clear(clip);
        (void)sp_error_in(err, path);
    }
    return status;
}
