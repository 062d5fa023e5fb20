/* Writing a clip in the sample format of the file that it came from. */
#include <math.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"
#include "base/file.h"

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

/* ---- the file, in memory: libsndfile does not tell of every write to a disk that fails ---- */

typedef struct image {
    char *bytes; /* [room] owned */
    size_t size, room, at;
    bool failed;
} image;

static sf_count_t image_size(void *data) {
    return (sf_count_t)((const image *)data)->size;
}

static sf_count_t image_tell(void *data) {
    return (sf_count_t)((const image *)data)->at;
}

static sf_count_t image_seek(sf_count_t offset, int whence, void *data) {
    image *to = data;
    const sf_count_t from = whence == SEEK_CUR   ? (sf_count_t)to->at
                            : whence == SEEK_END ? (sf_count_t)to->size
                                                 : 0;
    if (offset < -from) {
        return -1;
    }
    to->at = (size_t)(from + offset);
    return from + offset;
}

static sf_count_t image_read(void *bytes, sf_count_t count, void *data) {
    image *from = data;
    const size_t left = from->at < from->size ? from->size - from->at : 0;
    const size_t taken = (size_t)count < left ? (size_t)count : left;
    memcpy(bytes, from->bytes + from->at, taken);
    from->at += taken;
    return (sf_count_t)taken;
}

static sf_count_t image_write(const void *bytes, sf_count_t count, void *data) {
    image *to = data;
    const size_t end = to->at + (size_t)count;
    if (end > to->room) {
        const size_t room = 2 * end + 4096;
        char *larger = realloc(to->bytes, room);
        if (larger == NULL) {
            to->failed = true;
            return 0;
        }
        memset(larger + to->room, 0, room - to->room);
        to->bytes = larger;
        to->room = room;
    }
    memcpy(to->bytes + to->at, bytes, (size_t)count);
    to->at = end;
    to->size = end > to->size ? end : to->size;
    return count;
}

static SF_VIRTUAL_IO image_calls = {image_size, image_seek, image_read, image_write, image_tell};

/* Whether as many samples as the clip has can be read from it. */
static bool image_whole(image *of, const sp_clip *clip) {
    SF_INFO info = {0};
    double samples[1024];
    sf_count_t frames = 0, got = 0;
    of->at = 0;
    SNDFILE *file = sf_open_virtual(&image_calls, SFM_READ, &info, of);
    if (file == NULL) {
        return false;
    }
    while ((got = sf_read_double(file, samples, sizeof samples / sizeof *samples)) > 0) {
        frames += got;
    }
    sf_close(file);
    return frames == (sf_count_t)clip->n;
}

static sp_status make_image(sp_error *err, image *to, const sp_clip *clip, SF_INFO *info) {
    SNDFILE *file = sf_open_virtual(&image_calls, SFM_WRITE, info, to);
    if (file == NULL) {
        return sp_fail(err, SP_E_IO, "cannot be written: %s", sf_strerror(NULL));
    }
    sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); // it holds the time of writing
    const sp_status status =
        clip->lsb > 0.0 ? write_integers(err, file, clip) : write_floats(err, file, clip);
    const bool closed = sf_close(file) == 0;
    if (status == SP_OK && to->failed) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", clip->n);
    }
    if (status == SP_OK && !(closed && image_whole(to, clip))) {
        return sp_fail(err, SP_E_IO, "cannot be written completely");
    }
    return status;
}

sp_status sp_clip_draft(sp_error *err, sp_file_draft *draft, const sp_clip *clip,
                        const char *source) {
    SF_INFO info;
    image file = {0};
    SP_TRY(choose_format(err, &info, clip, source));
    sp_status status = make_image(err, &file, clip, &info);
    if (status != SP_OK) {
        (void)sp_error_in(err, draft->path);
    } else {
        status = sp_file_draft_write(err, draft, file.bytes, file.size);
    }
    free(file.bytes);
    return status;
}

sp_status sp_clip_write(sp_error *err, const char *path, const sp_clip *clip, const char *source) {
    sp_file_draft draft;
    SP_TRY(sp_file_draft_open(err, &draft, path));
    const sp_status status = sp_clip_draft(err, &draft, clip, source);
    if (status != SP_OK) {
        sp_file_draft_drop(&draft);
        return status;
    }
    return sp_file_draft_keep(err, &draft);
}
