/* Writing a clip in the sample format of the file that it came from. */
#include <math.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"

/* Formats that keep every sample of a clip as it is; the others are WAV with as many bits. */
static bool keeps_samples(int format, bool whole) {
    switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_PCM_16:
    case SF_FORMAT_PCM_24:
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_ALAC_16:
    case SF_FORMAT_ALAC_20:
    case SF_FORMAT_ALAC_24:
    case SF_FORMAT_ALAC_32:
        return whole;
    case SF_FORMAT_FLOAT:
    case SF_FORMAT_DOUBLE:
        return !whole;
    default:
        return false;
    }
}

static int plain_format(const sp_clip *clip) {
    const int kind = !(clip->lsb > 0.0) ? SF_FORMAT_DOUBLE
                     : clip->bits <= 16 ? SF_FORMAT_PCM_16
                     : clip->bits <= 24 ? SF_FORMAT_PCM_24
                                        : SF_FORMAT_PCM_32;
    return SF_FORMAT_WAV | kind;
}

static sp_status choose_format(sp_error *err, SF_INFO *info, const sp_clip *clip,
                               const char *source) {
    SF_INFO from = {0};
    SNDFILE *file = sf_open(source, SFM_READ, &from);
    if (file == NULL) {
        return sp_fail(err, SP_E_IO, "%s: cannot be read again for its sample format", source);
    }
    sf_close(file);
    *info = (SF_INFO){.samplerate = clip->rate, .channels = 1, .format = from.format};
    if (!keeps_samples(from.format, clip->lsb > 0.0) || !sf_format_check(info)) {
        info->format = plain_format(clip);
    }
    return SP_OK;
}

/* Left-justified integers, as libsndfile wants them; false: a sample is no value of the format. */
static bool take_integers(int32_t *out, const sp_clip *clip) {
    const double unit = clip->full_scale * 0x1p-31;
    bool fits = true;
    for (size_t i = 0; i < clip->n; i++) {
        const double value = clip->samples[i] / unit, steps = clip->samples[i] / clip->lsb;
        const bool whole = steps == nearbyint(steps) && value >= -0x1p31 && value < 0x1p31;
        out[i] = whole ? (int32_t)value : 0;
        fits = fits && whole;
    }
    return fits;
}

static sp_status write_integers(sp_error *err, SNDFILE *file, const sp_clip *clip) {
    int32_t *values = malloc(clip->n * sizeof *values);
    if (values == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", clip->n);
    }
    sp_status status = SP_OK;
    if (!take_integers(values, clip)) {
        status =
            sp_fail(err, SP_E_ARGUMENT, "a sample is no value of the %d-bit format", clip->bits);
    } else if (sf_write_int(file, values, (sf_count_t)clip->n) != (sf_count_t)clip->n) {
        status = sp_fail(err, SP_E_IO, "cannot be written: %s", sf_strerror(file));
    }
    free(values);
    return status;
}

static sp_status write_floats(sp_error *err, SNDFILE *file, const sp_clip *clip) {
    double *values = malloc(clip->n * sizeof *values);
    if (values == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", clip->n);
    }
    for (size_t i = 0; i < clip->n; i++) {
        values[i] = clip->samples[i] / clip->full_scale;
    }
    sp_status status = SP_OK;
    if (sf_write_double(file, values, (sf_count_t)clip->n) != (sf_count_t)clip->n) {
        status = sp_fail(err, SP_E_IO, "cannot be written: %s", sf_strerror(file));
    }
    free(values);
    return status;
}

sp_status sp_clip_write(sp_error *err, const char *path, const sp_clip *clip, const char *source) {
    SF_INFO info;
    SP_TRY(choose_format(err, &info, clip, source));
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (file == NULL) {
        return sp_fail(err, SP_E_IO,
                       "%s: cannot be written: is there such a folder, and may files "
                       "be made in it?",
                       path);
    }
    sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); // it holds the time of writing
    sp_status status =
        clip->lsb > 0.0 ? write_integers(err, file, clip) : write_floats(err, file, clip);
    if (sf_close(file) != 0 && status == SP_OK) {
        status = sp_fail(err, SP_E_IO, "cannot be written completely");
    }
    return status == SP_OK ? SP_OK : sp_error_in(err, path);
}
