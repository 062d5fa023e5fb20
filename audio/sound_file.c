/* What the format of an audio file says: its integer bits, and whether the file is all there.
 * libsndfile shortens a recording silently when the file ends early. Three of its facilities tell:
 * the number of frames in the header (FLAC, MP3), the size of the data chunk that the header states
 * (WAV, AIFF, CAF with samples of fixed size), and in its log a container size that "should be"
 * smaller (AU, W64, compressed WAV and AIFF). NIST Sphere states a count in its text header. */
#include "audio/sound_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bits of the integers that a libsndfile format decodes to. */
static int format_bits(int format) {
    switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_DPCM_8:
        return 8;
    case SF_FORMAT_DWVW_12:
        return 12;
    case SF_FORMAT_PCM_16:
    case SF_FORMAT_ALAC_16:
    case SF_FORMAT_DPCM_16:
    case SF_FORMAT_DWVW_16:
    // these decode to 16 bit integers
    case SF_FORMAT_ULAW:
    case SF_FORMAT_ALAW:
    case SF_FORMAT_IMA_ADPCM:
    case SF_FORMAT_MS_ADPCM:
    case SF_FORMAT_VOX_ADPCM:
    case SF_FORMAT_NMS_ADPCM_16:
    case SF_FORMAT_NMS_ADPCM_24:
    case SF_FORMAT_NMS_ADPCM_32:
    case SF_FORMAT_GSM610:
    case SF_FORMAT_G721_32:
    case SF_FORMAT_G723_24:
    case SF_FORMAT_G723_40:
        return 16;
    case SF_FORMAT_ALAC_20:
        return 20;
    case SF_FORMAT_PCM_24:
    case SF_FORMAT_ALAC_24:
    case SF_FORMAT_DWVW_24:
        return 24;
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_ALAC_32:
        return 32;
    default:
        return 0;
    }
}

int sp_sound_bits(const sp_sound_file *file) {
    const int bits = format_bits(file->info.format), valid = (int)file->wav.valid;
    return valid > 0 && valid < bits ? valid : bits;
}

sp_clip_coding sp_sound_coding(int format) {
    switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_FLOAT:
        return SP_CLIP_SINGLE;
    case SF_FORMAT_ULAW:
        return SP_CLIP_MU_LAW;
    case SF_FORMAT_ALAW:
        return SP_CLIP_A_LAW;
    case SF_FORMAT_IMA_ADPCM:
    case SF_FORMAT_MS_ADPCM:
    case SF_FORMAT_VOX_ADPCM:
    case SF_FORMAT_NMS_ADPCM_16:
    case SF_FORMAT_NMS_ADPCM_24:
    case SF_FORMAT_NMS_ADPCM_32:
    case SF_FORMAT_GSM610:
    case SF_FORMAT_G721_32:
    case SF_FORMAT_G723_24:
    case SF_FORMAT_G723_40:
        return SP_CLIP_ADAPTIVE;
    default:
        return format_bits(format) > 0 ? SP_CLIP_INTEGER : SP_CLIP_REAL;
    }
}

sp_status sp_sound_too_long(sp_error *err, size_t limit) {
    return sp_fail(err, SP_E_UNSUPPORTED,
                   "longer than the %zu samples accepted: cut a shorter clip", limit);
}

/* frame_bytes - of the formats whose samples have a fixed size in the file; else 0. */
static size_t frame_bytes(const SF_INFO *info) {
    const size_t channels = (size_t)info->channels;
    switch (info->format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_ULAW:
    case SF_FORMAT_ALAW:
        return channels;
    case SF_FORMAT_PCM_16:
        return 2 * channels;
    case SF_FORMAT_PCM_24:
        return 3 * channels;
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT:
        return 4 * channels;
    case SF_FORMAT_DOUBLE:
        return 8 * channels;
    default:
        return 0;
    }
}

/* chunk_bytes - size of a chunk as the header states it; false when there is none. */
static bool chunk_bytes(const sp_sound_file *file, const char *name, size_t *bytes) {
    SF_CHUNK_INFO wanted = {0}, found = {0};
    memcpy(wanted.id, name, strlen(name) + 1);
    wanted.id_size = (unsigned)strlen(name);
    SF_CHUNK_ITERATOR *at = sf_get_chunk_iterator(file->handle, &wanted);
    if (at == NULL || sf_get_chunk_size(at, &found) != SF_ERR_NO_ERROR) {
        return false;
    }
    *bytes = found.datalen;
    return true;
}

/* sphere_frames - "sample_count -i N" of a NIST Sphere header; false when it is not stated. */
static bool sphere_frames(const sp_sound_file *file, size_t *frames) {
    static const char key[] = "sample_count -i ";
    char header[1025] = "";
    if (fseeko(file->file, 0, SEEK_SET) != 0) {
        return false;
    }
    const size_t got = fread(header, 1, sizeof header - 1, file->file);
    header[got] = '\0';
    const char *at = strstr(header, key);
    const long count = at != NULL ? strtol(at + strlen(key), NULL, 10) : 0;
    *frames = count > 0 ? (size_t)count : 0;
    return count > 0;
}

/* stated_frames - what the data chunk has room for by its header; false where that is not known. */
static bool stated_frames(const sp_sound_file *file, size_t *frames) {
    size_t bytes = 0, ahead = 0;
    const size_t each = frame_bytes(&file->info);
    switch (file->info.format & SF_FORMAT_TYPEMASK) {
    case SF_FORMAT_AIFF:
        ahead = 8; // offset and block size
        break;
    case SF_FORMAT_CAF:
        ahead = 4; // edit count
        break;
    case SF_FORMAT_WAV:
    case SF_FORMAT_WAVEX:
        break;
    case SF_FORMAT_NIST:
        return sphere_frames(file, frames);
    default:
        return false;
    }
    const char *name = (file->info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_AIFF ? "SSND" : "data";
    if (each == 0 || !chunk_bytes(file, name, &bytes) || bytes < ahead) {
        return false;
    }
    *frames = (bytes - ahead) / each;
    return true;
}

/* log_says_short - a line like "RIFF : 1304 (should be 900)": the file has fewer bytes than stated.
 * One byte is forgiven: some writers count the last padding byte and leave it out. */
static bool log_says_short(const sp_sound_file *file) {
    static const char mark[] = "hould be ";
    char log[4096] = "";
    sf_command(file->handle, SFC_GET_LOG_INFO, log, sizeof log);
    log[sizeof log - 1] = '\0';
    char *rest = NULL;
    for (char *line = strtok_r(log, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *at = strstr(line, mark), *number = strpbrk(line, "0123456789");
        if (at == NULL || number == NULL || strstr(line, "hecksum") != NULL ||
            strstr(line, "Bytes/sec") != NULL || strstr(line, "Block Align") != NULL) {
            continue;
        }
        const double stated = strtod(number, NULL), there = strtod(at + strlen(mark), NULL);
        if (stated > there + 1.0) {
            return true;
        }
    }
    return false;
}

static sp_status cut_off(sp_error *err, size_t frames, size_t stated) {
    return sp_fail(err, SP_E_FORMAT,
                   "is cut off: its header promises %zu samples per channel, %zu are there", stated,
                   frames);
}

sp_status sp_sound_whole(sp_error *err, const sp_sound_file *file, size_t frames) {
    const SF_INFO *info = &file->info;
    size_t stated = 0;
    if (sf_error(file->handle) != SF_ERR_NO_ERROR) {
        return sp_fail(err, SP_E_FORMAT, "is damaged: %s", sf_strerror(file->handle));
    }
    if (info->frames > 0 && info->frames != SF_COUNT_MAX && frames < (size_t)info->frames) {
        return cut_off(err, frames, (size_t)info->frames);
    }
    if (stated_frames(file, &stated)) {
        if (frames < stated) {
            return cut_off(err, frames, stated);
        }
    } else if (log_says_short(file)) {
        return sp_fail(err, SP_E_FORMAT, "is cut off: the file is shorter than its header says");
    }
    if (frames == 0) {
        return sp_fail(err, SP_E_FORMAT, "holds no samples, or they cannot be decoded");
    }
    return SP_OK;
}
