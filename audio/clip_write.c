/* Writing a clip: in the format of the file that it came from, or as WAV. */
#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/impl.h"
#include "audio/wav_header.h"
#include "base/file.h"

static SF_INFO info_of(const sp_clip *clip, sp_clip_form form) {
    const int kind = !(clip->lsb > 0.0) ? SF_FORMAT_DOUBLE
                     : clip->bits <= 16 ? SF_FORMAT_PCM_16
                     : clip->bits <= 24 ? SF_FORMAT_PCM_24
                                        : SF_FORMAT_PCM_32;
    const SF_INFO info = {.samplerate = clip->rate,
                          .channels = 1,
                          .format = form == SP_CLIP_OWN ? clip->format : SF_FORMAT_WAV | kind};
    return info;
}

sp_clip_fidelity sp_clip_own(const sp_clip *clip) {
    const SF_INFO info = info_of(clip, SP_CLIP_OWN);
    const int container = info.format & SF_FORMAT_TYPEMASK;
    if (clip->width > 0) {
        return SP_CLIP_KEPT;
    }
    // SD2 keeps its header elsewhere, and raw files have none
    if (info.format == 0 || container == SF_FORMAT_SD2 || container == SF_FORMAT_RAW ||
        !sf_format_check(&info)) {
        return SP_CLIP_LOST;
    }
    switch (clip->coding) {
    case SP_CLIP_REAL:
        return (info.format & SF_FORMAT_SUBMASK) == SF_FORMAT_DOUBLE ? SP_CLIP_KEPT : SP_CLIP_LOST;
    case SP_CLIP_ADAPTIVE:
        return SP_CLIP_NEAR;
    case SP_CLIP_SINGLE:
    case SP_CLIP_INTEGER:
    case SP_CLIP_MU_LAW:
    case SP_CLIP_A_LAW:
        break;
    }
    return SP_CLIP_KEPT;
}

/* Left-justified integers, as libsndfile wants them; false: a sample is no value of the coding. */
static bool take_integers(int32_t *out, const sp_clip *clip) {
    const double unit = clip->full_scale * 0x1p-31;
    bool fits = true;
    for (size_t i = 0; i < clip->n; i++) {
        const bool known = sp_clip_floor(clip, clip->samples[i]) == clip->samples[i];
        out[i] = known ? (int32_t)(clip->samples[i] / unit) : 0;
        fits = fits && known;
    }
    return fits;
}

/* O values [n] what was written, as it should come back */
static sp_status write_integers(sp_error *err, SNDFILE *file, const sp_clip *clip,
                                int32_t *values) {
    if (!take_integers(values, clip)) {
        char name[32];
        sp_clip_coding_name(name, sizeof name, clip);
        return sp_fail(err, SP_E_ARGUMENT, "a sample is no value of the %s format", name);
    }
    return sf_write_int(file, values, (sf_count_t)clip->n) == (sf_count_t)clip->n
               ? SP_OK
               : sp_fail(err, SP_E_IO, "cannot be written: %s", sf_strerror(file));
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

/* Reads the file again as left-justified integers: as many as the clip has, or fails. */
static sp_status read_image(sp_error *err, int32_t *values, image *of, size_t n) {
    SF_INFO info = {0};
    int more = 0;
    of->at = 0;
    SNDFILE *file = sf_open_virtual(&image_calls, SFM_READ, &info, of);
    const sf_count_t got = file != NULL ? sf_read_int(file, values, (sf_count_t)n) : 0;
    const bool longer = got == (sf_count_t)n && sf_read_int(file, &more, 1) == 1;
    if (file != NULL) {
        sf_close(file);
    }
    return got == (sf_count_t)n && !longer
               ? SP_OK
               : sp_fail(err, longer ? SP_E_UNSUPPORTED : SP_E_IO,
                         longer ? "more samples come back than there are"
                                : "cannot be written completely");
}

/* Whether all samples are there, and are `values` where that is not NULL. */
static sp_status check_image(sp_error *err, image *of, size_t n, const int32_t *values) {
    int32_t *back = malloc(n * sizeof *back);
    sp_status status =
        back != NULL ? read_image(err, back, of, n) : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK && values != NULL && memcmp(back, values, n * sizeof *back) != 0) {
        status = sp_fail(err, SP_E_UNSUPPORTED, "samples come back as others");
    }
    free(back);
    return status;
}

static sp_status make_image(sp_error *err, image *to, const sp_clip *clip, sp_clip_form form,
                            int32_t *values) {
    SF_INFO info = info_of(clip, form);
    SNDFILE *file = sf_open_virtual(&image_calls, SFM_WRITE, &info, to);
    if (file == NULL) {
        return sp_fail(err, SP_E_UNSUPPORTED, "cannot be written: %s", sf_strerror(NULL));
    }
    sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); // it holds the time of writing
    const sp_status status =
        values != NULL ? write_integers(err, file, clip, values) : write_floats(err, file, clip);
    const bool closed = sf_close(file) == 0;
    if (status != SP_OK) {
        return status;
    }
    if (to->failed) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", clip->n);
    }
    if (!closed) {
        return sp_fail(err, SP_E_IO, "cannot be written completely");
    }
    sp_sound_wav_limit(to->bytes, to->size, (unsigned)clip->bits);
    return SP_OK;
}

static sp_status take_values(sp_error *err, int32_t **values, const sp_clip *clip) {
    const bool integers = clip->lsb > 0.0;
    *values = integers ? malloc(clip->n * sizeof **values) : NULL;
    return *values != NULL || !integers
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", clip->n);
}

sp_status sp_clip_recode(sp_error *err, double *samples, const sp_clip *clip) {
    image file = {0};
    int32_t *values = NULL;
    if (sp_clip_own(clip) == SP_CLIP_LOST || !(clip->lsb > 0.0)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "no integers of an own format");
    }
    sp_status status = take_values(err, &values, clip);
    if (status == SP_OK) {
        status = make_image(err, &file, clip, SP_CLIP_OWN, values);
    }
    if (status == SP_OK) {
        status = read_image(err, values, &file, clip->n);
    }
    for (size_t i = 0; status == SP_OK && i < clip->n; i++) {
        samples[i] = (double)values[i] * 0x1p-31 * clip->full_scale;
    }
    free(values);
    free(file.bytes);
    return status;
}

sp_status sp_clip_draft(sp_error *err, sp_file_draft *draft, const sp_clip *clip,
                        sp_clip_form form) {
    const bool kept = form == SP_CLIP_WAV || sp_clip_own(clip) == SP_CLIP_KEPT;
    image file = {0};
    int32_t *values = NULL;
    if (clip->width > 0) {
        return sp_clip_sequence_draft(err, draft, clip);
    }
    sp_status status = take_values(err, &values, clip);
    if (status == SP_OK) {
        status = make_image(err, &file, clip, form, values);
    }
    if (status == SP_OK) {
        status = check_image(err, &file, clip->n, kept ? values : NULL);
    }
    if (status != SP_OK) {
        (void)sp_error_in(err, draft->path);
    } else {
        status = sp_file_draft_write(err, draft, file.bytes, file.size);
    }
    free(values);
    free(file.bytes);
    return status;
}

sp_status sp_clip_write(sp_error *err, const char *path, const sp_clip *clip, sp_clip_form form) {
    sp_file_draft draft;
    SP_TRY(sp_file_draft_open(err, &draft, path));
    const sp_status status = sp_clip_draft(err, &draft, clip, form);
    if (status != SP_OK) {
        sp_file_draft_drop(&draft);
        return status;
    }
    return sp_file_draft_keep(err, &draft);
}
