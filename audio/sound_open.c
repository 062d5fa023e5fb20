/* Opening recordings: files, standard input and other pipes, and WAV files whose header does not
 * say how much there is. libsndfile reads the latter two through callbacks; a header is mended by a
 * copy of it with the true sizes that stands before the samples. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audio/sound_file.h"

enum { PIPE_BLOCK = 1 << 16 };

static const size_t pipe_limit = (size_t)1 << 30; // bytes

// libsndfile keeps the reason of a failed open in a variable of the whole process.
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;

static atomic_bool input_was_read;

/* ---- bytes ---- */

static sp_status read_pipe(sp_error *err, sp_sound_file *file, FILE *pipe) {
    size_t size = 0, room = 0, got = 1;
    while (got > 0) {
        if (room - size < PIPE_BLOCK) {
            room = 2 * room + PIPE_BLOCK;
            char *larger = room <= pipe_limit ? realloc(file->bytes, room) : NULL;
            if (larger == NULL) {
                return sp_fail(err, SP_E_MEMORY, "more than %zu bytes: write them to a file", size);
            }
            file->bytes = larger;
        }
        got = fread(file->bytes + size, 1, room - size, pipe);
        size += got;
    }
    if (ferror(pipe)) {
        return sp_fail(err, SP_E_IO, "cannot be read: %s", strerror(errno));
    }
    if (size == 0) {
        return sp_fail(err, SP_E_FORMAT, "nothing came in");
    }
    file->size = size;
    file->file = fmemopen(file->bytes, size, "rb");
    return file->file != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
}

static sp_status read_input(sp_error *err, sp_sound_file *file) {
    if (atomic_exchange(&input_was_read, true)) {
        return sp_fail(err, SP_E_ARGUMENT, "standard input can be read once only");
    }
    return read_pipe(err, file, stdin);
}

/* What can be said of a file without libsndfile. */
static sp_status open_bytes(sp_error *err, sp_sound_file *file) {
    struct stat about;
    if (strcmp(file->path, "-") == 0) {
        return read_input(err, file);
    }
    if (stat(file->path, &about) != 0) {
        return errno == ENOENT ? sp_fail(err, SP_E_IO, "no such file")
                               : sp_fail(err, SP_E_IO, "the file cannot be reached");
    }
    if (S_ISDIR(about.st_mode)) {
        return sp_fail(err, SP_E_IO, "is a directory, an audio file is needed");
    }
    if (S_ISREG(about.st_mode) && about.st_size == 0) {
        return sp_fail(err, SP_E_FORMAT, "the file is empty");
    }
    FILE *raw = fopen(file->path, "rb");
    if (raw == NULL) {
        return sp_fail(err, SP_E_IO, "the file cannot be opened: look at its permissions");
    }
    if (S_ISREG(about.st_mode)) {
        file->file = raw;
        file->size = (uint64_t)about.st_size;
        return SP_OK;
    }
    const sp_status status = read_pipe(err, file, raw);
    fclose(raw);
    return status;
}

/* ---- what libsndfile sees through callbacks ---- */

static sf_count_t view_size(void *data) {
    const sp_sound_file *file = data;
    return (sf_count_t)(file->head_bytes + file->count);
}

static sf_count_t view_tell(void *data) {
    return (sf_count_t)((const sp_sound_file *)data)->at;
}

static sf_count_t view_seek(sf_count_t offset, int whence, void *data) {
    sp_sound_file *file = data;
    const sf_count_t from = whence == SEEK_CUR   ? (sf_count_t)file->at
                            : whence == SEEK_END ? view_size(data)
                                                 : 0;
    if (offset < -from) {
        return -1;
    }
    file->at = (uint64_t)(from + offset);
    return from + offset;
}

static sf_count_t view_read(void *bytes, sf_count_t count, void *data) {
    sp_sound_file *file = data;
    const uint64_t wanted = count > 0 ? (uint64_t)count : 0;
    uint64_t done = 0;
    if (file->at < file->head_bytes) {
        const uint64_t left = file->head_bytes - file->at;
        done = wanted < left ? wanted : left;
        memcpy(bytes, file->head + file->at, done);
        file->at += done;
    }
    if (done < wanted && file->at >= file->head_bytes) {
        const uint64_t place = file->at - file->head_bytes;
        const uint64_t left = place < file->count ? file->count - place : 0;
        const uint64_t more = wanted - done < left ? wanted - done : left;
        if (more > 0 && fseeko(file->file, (off_t)(file->from + place), SEEK_SET) == 0) {
            const size_t got = fread((char *)bytes + done, 1, more, file->file);
            file->at += got;
            done += got;
        }
    }
    return (sf_count_t)done;
}

static sf_count_t view_write(const void *bytes, sf_count_t count, void *data) {
    (void)bytes;
    (void)count;
    (void)data;
    return 0;
}

static SF_VIRTUAL_IO view_calls = {view_size, view_seek, view_read, view_write, view_tell};

/* ---- opening ---- */

/* What a WAV header says that no recording can be. */
static sp_status check_wav(sp_error *err, const sp_sound_wav *wav) {
    if (wav->found && wav->parts > 1) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "has %zu data chunks, so it is not said which samples are the recording: "
                       "convert it to a file with one",
                       wav->parts);
    }
    if (wav->fmt_bytes > 0 && wav->rate == 0) {
        return sp_fail(err, SP_E_FORMAT,
                       "its header states a rate of 0 Hz: write the true rate into it");
    }
    if (wav->fmt_bytes > 0 && wav->channels == 0) {
        return sp_fail(err, SP_E_FORMAT, "its header states 0 channels: write the true number");
    }
    return SP_OK;
}

/* Frames that are not whole are left out. */
static sp_status mend_header(sp_error *err, sp_sound_file *file) {
    sp_sound_wav *wav = &file->wav;
    const uint64_t bytes = wav->streamed ? wav->there : wav->bytes;
    file->from = wav->data;
    file->count = wav->streamed && wav->block > 0 ? bytes - bytes % wav->block : bytes;
    file->head_bytes = sp_sound_wav_head(file->head, wav, file->count);
    return file->head_bytes > 0
               ? SP_OK
               : sp_fail(err, SP_E_UNSUPPORTED, "holds more than 4 GB: cut a shorter clip");
}

static sp_status open_sound(sp_error *err, sp_sound_file *file) {
    const bool mend = file->wav.found && (file->wav.streamed || file->wav.loose);
    file->count = file->size;
    if (mend) {
        SP_TRY(mend_header(err, file));
    }
    pthread_mutex_lock(&open_lock);
    file->handle = mend || file->bytes != NULL
                       ? sf_open_virtual(&view_calls, SFM_READ, &file->info, file)
                       : sf_open(file->path, SFM_READ, &file->info);
    if (file->handle == NULL) {
        sp_fail(err, SP_E_FORMAT, "is no audio file that can be read, or is damaged (%s)",
                sf_strerror(NULL));
    }
    pthread_mutex_unlock(&open_lock);
    return file->handle != NULL ? SP_OK : SP_E_FORMAT;
}

sp_status sp_sound_open(sp_error *err, sp_sound_file *file, const char *path) {
    memset(file, 0, sizeof *file);
    file->path = path;
    SP_TRY(open_bytes(err, file));
    sp_sound_wav_read(&file->wav, file->file, file->size);
    SP_TRY(check_wav(err, &file->wav));
    return open_sound(err, file);
}

void sp_sound_close(sp_sound_file *file) {
    if (file->handle != NULL) {
        sf_close(file->handle);
    }
    if (file->file != NULL) {
        fclose(file->file);
    }
    free(file->bytes);
    *file = (sp_sound_file){0};
}
