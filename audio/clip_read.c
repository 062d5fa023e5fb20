/* Reading a recording. Integer formats arrive as 32 bit integers, shifted to the left, which a
 * power of two scales exactly; floating point and lossy formats arrive as doubles with full scale
 * 1. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audio/sound_file.h"

enum { BLOCK_VALUES = 65536 };

static const size_t default_limit = (size_t)30 * 60 * 48000;

/* check_request - channel, rate and length, before any sample is read. */
static sp_status check_request(sp_error *err, const SF_INFO *info, const sp_clip_options *wanted) {
    if (info->channels < 1 || info->samplerate < 1) {
        return sp_fail(err, SP_E_FORMAT, "the file names %d channels at %d Hz", info->channels,
                       info->samplerate);
    }
    if (wanted->channel == 0 && !wanted->downmix && info->channels > 1) {
        return sp_fail(err, SP_E_MISMATCH,
                       "has %d channels: choose one by --channel 1 to %d, or their mean by "
                       "--downmix",
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

/* What of a frame is a sample: one channel, or the mean of all. */
typedef struct pick {
    size_t channels, first, count; /* [first, first + count) of all channels */
} pick;

/* The mean of 32-bit integers is the exact one, rounded once. */
static double mean_of(const pick *p, const double *values, const int *integers, unsigned *used) {
    double sum = 0.0;
    for (size_t c = p->first; c < p->first + p->count; c++) {
        sum += integers != NULL ? (double)integers[c] * 0x1p-31 : values[c];
        *used |= integers != NULL ? (unsigned)integers[c] : 0;
    }
    return sum / (double)p->count;
}

/* read_block - the next frames as samples with full scale 1; collects the bits that integers use.
 */
static size_t read_block(sp_sound_file *file, const pick *p, double *values, int *integers,
                         size_t frames, unsigned *used) {
    const sf_count_t got = integers != NULL
                               ? sf_readf_int(file->handle, integers, (sf_count_t)frames)
                               : sf_readf_double(file->handle, values, (sf_count_t)frames);
    const size_t count = got > 0 ? (size_t)got : 0;
    for (size_t i = 0; i < count; i++) {
        const size_t at = i * p->channels;
        values[i] = mean_of(p, values + at, integers != NULL ? integers + at : NULL, used);
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
static sp_status read_samples(sp_error *err, sp_clip *clip, sp_sound_file *file, const pick *p,
                              size_t limit) {
    const size_t frames = BLOCK_VALUES / p->channels > 0 ? BLOCK_VALUES / p->channels : 1;
    double *values = malloc(frames * p->channels * sizeof *values);
    int *integers = clip->bits > 0 ? malloc(frames * p->channels * sizeof *integers) : NULL;
    sp_status status = SP_OK;
    size_t room = 0;
    unsigned used = 0;
    if (values == NULL || (clip->bits > 0 && integers == NULL)) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    while (status == SP_OK) {
        const size_t count = read_block(file, p, values, integers, frames, &used);
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

/* Smallest step of a coding. */
static double step_of(const sp_clip *clip) {
    const double law = clip->full_scale * 0x1p-12; // 8 steps of 16 bits
    return clip->coding == SP_CLIP_MU_LAW  ? law
           : clip->coding == SP_CLIP_A_LAW ? 2.0 * law
           : clip->bits > 0                ? ldexp(clip->full_scale, 1 - clip->bits)
                                           : 0.0;
}

/* ---- what a user should know ---- */

static void add_note(sp_clip *clip, const char *text) {
    const size_t used = strlen(clip->note);
    snprintf(clip->note + used, sizeof clip->note - used, "%s%s", used > 0 ? "; " : "", text);
}

static void note_stream(sp_clip *clip, const sp_sound_file *file) {
    char text[160];
    const sp_sound_wav *wav = &file->wav;
    if (wav->streamed) {
        const unsigned long long rest = wav->there - file->count;
        const int length =
            snprintf(text, sizeof text,
                     "its header leaves its length open, as a stream does: read to the end, %zu "
                     "samples",
                     clip->n);
        if (rest > 0) {
            snprintf(text + length, sizeof text - (size_t)length,
                     " without the last %llu bytes, no whole frame", rest);
        }
        add_note(clip, text);
    }
}

/* Integers that were stored as floating point and never divided by their full scale. */
static void note_loudness(sp_clip *clip, const sp_sound_file *file) {
    enum { LOUD = 8 };
    const int kind = file->info.format & SF_FORMAT_SUBMASK;
    const double peak = clip->peak / clip->full_scale;
    bool whole = peak <= 0x1p31;
    char text[200];
    if ((kind != SF_FORMAT_FLOAT && kind != SF_FORMAT_DOUBLE) || !(peak >= LOUD)) {
        return;
    }
    for (size_t i = 0; i < clip->n && whole; i++) {
        const double x = clip->samples[i] / clip->full_scale;
        whole = x == nearbyint(x);
    }
    if (whole && clip->mixed == 0) {
        const int bits = peak <= 0x1p15 ? 16 : peak <= 0x1p23 ? 24 : 32;
        snprintf(text, sizeof text,
                 "its floats are whole numbers up to %.0f, and full scale is 1: if they are %d-bit "
                 "integers, divide them by %.0f, or the model hears them too loud",
                 peak, bits, ldexp(1.0, bits - 1));
    } else {
        snprintf(text, sizeof text,
                 "its floats reach %.4g, and full scale is 1: make sure that the model is to hear "
                 "them so loud",
                 peak);
    }
    add_note(clip, text);
}

static sp_status read_clip(sp_error *err, sp_clip *clip, sp_sound_file *file,
                           const sp_clip_options *wanted) {
    const size_t limit = wanted->max_samples > 0 ? wanted->max_samples : default_limit;
    SP_TRY(check_request(err, &file->info, wanted));
    if (file->info.frames != SF_COUNT_MAX && file->info.frames > (sf_count_t)limit) {
        return sp_sound_too_long(err, limit);
    }
    const size_t channels = (size_t)file->info.channels;
    const pick one = {channels, wanted->channel > 0 ? (size_t)wanted->channel - 1 : 0, 1};
    const pick all = {channels, 0, channels};
    clip->rate = file->info.samplerate;
    clip->full_scale = wanted->full_scale != 0.0 ? wanted->full_scale : 32768.0;
    clip->bits = sp_sound_bits(file);
    clip->coding = sp_sound_coding(file->info.format);
    clip->format = file->info.format;
    clip->mixed = wanted->downmix && channels > 1 ? channels : 0;
    SP_TRY(read_samples(err, clip, file, wanted->downmix ? &all : &one, limit));
    clip->lsb = step_of(clip);
    SP_TRY(sp_sound_whole(err, file, clip->n));
    SP_TRY(sp_clip_measure(err, clip));
    note_stream(clip, file);
    note_loudness(clip, file);
    if (wanted->rate != 0 && clip->rate != wanted->rate) {
        SP_TRY(sp_clip_convert(err, clip, wanted->rate, limit));
        return sp_clip_measure(err, clip);
    }
    return SP_OK;
}

static sp_status check_options(sp_error *err, const sp_clip_options *wanted) {
    const double scale = wanted->full_scale;
    if (wanted->rate < 0 || wanted->channel < 0 || !(scale >= 0.0 && isfinite(scale)) ||
        wanted->max_samples > (size_t)PTRDIFF_MAX / (4 * sizeof(double))) {
        return sp_fail(err, SP_E_ARGUMENT, "rate %d, channel %d, full scale %g is no request",
                       wanted->rate, wanted->channel, scale);
    }
    if (wanted->channel > 0 && wanted->downmix) {
        return sp_fail(err, SP_E_ARGUMENT, "one channel and the mean of all exclude each other");
    }
    return SP_OK;
}

sp_status sp_clip_read(sp_error *err, sp_clip *clip, const char *path,
                       const sp_clip_options *options) {
    const sp_clip_options any = {0};
    const sp_clip_options *wanted = options != NULL ? options : &any;
    sp_sound_file file = {0};
    memset(clip, 0, sizeof *clip);
    if (wanted->width > 0) {
        return sp_clip_sequence_read(err, clip, path, wanted->width);
    }
    if (sp_clip_sequence_named(path)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "%s: is a sequence of numbers, and a recording is needed here", path);
    }
    sp_status status = check_options(err, wanted);
    if (status == SP_OK) {
        status = sp_sound_open(err, &file, path);
    }
    if (status == SP_OK) {
        status = read_clip(err, clip, &file, wanted);
    }
    sp_sound_close(&file);
    if (status != SP_OK) {
        sp_clip_clear(clip);
        (void)sp_error_in(err, path);
    }
    return status;
}

sp_status sp_clip_length(sp_error *err, size_t *samples, int *rate, const char *path) {
    sp_sound_file file = {0};
    struct stat about;
    if (strcmp(path, "-") == 0 || stat(path, &about) != 0 || !S_ISREG(about.st_mode)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "%s: is no file that can be measured", path);
    }
    sp_status status = sp_sound_open(err, &file, path);
    if (status == SP_OK && (file.info.frames <= 0 || file.info.frames == SF_COUNT_MAX)) {
        status = sp_fail(err, SP_E_UNSUPPORTED, "%s: its header says no length", path);
    }
    *samples = status == SP_OK ? (size_t)file.info.frames : 0;
    *rate = status == SP_OK ? file.info.samplerate : 0;
    sp_sound_close(&file);
    return status;
}
