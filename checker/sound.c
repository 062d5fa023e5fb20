/* Recordings of one channel: WAV of 16-bit integers or floats is read here, what else there is by
 * libsndfile. */
#include <math.h>
#include <sndfile.h>
#include <string.h>

#include "checker.h"

uint64_t ck_little(const unsigned char *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) {
        value = value << 8 | at[i];
    }
    return value;
}

double ck_float(const unsigned char *at) {
    const uint32_t bits = (uint32_t)ck_little(at, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* The chunk of this name, or NULL. */
static const unsigned char *chunk(ck_bytes file, const char *name, size_t *size) {
    for (size_t at = 12; at < file.size && file.size - at >= 8; at += 8 + *size + *size % 2) {
        *size = ck_little(file.at + at + 4, 4);
        if (*size > file.size - at - 8) {
            break;
        }
        if (memcmp(file.at + at, name, 4) == 0) {
            return file.at + at + 8;
        }
    }
    return NULL;
}

/* False: it is another kind of file. */
static bool read_riff(ck_sound *sound, ck_bytes file) {
    size_t size = 0, header = 0;
    if (file.size < 12 || memcmp(file.at, "RIFF", 4) != 0 || memcmp(file.at + 8, "WAVE", 4) != 0) {
        return false;
    }
    const unsigned char *format = chunk(file, "fmt ", &header), *data = chunk(file, "data", &size);
    const bool one = format != NULL && header >= 16 && ck_little(format + 2, 2) == 1;
    const size_t coding = one ? ck_little(format, 2) : 0,
                 bits = one ? ck_little(format + 14, 2) : 0;
    const bool whole = coding == 1 && bits == 16;
    if (data == NULL || !(whole || (coding == 3 && bits == 32)) || size % (bits / 8) != 0) {
        return false;
    }
    sound->rate = (int)ck_little(format + 4, 4);
    sound->n = size / (bits / 8);
    sound->bits = whole ? 16 : 0;
    sound->sample = ck_alloc(sound->n, sizeof(double));
    for (size_t i = 0; i < sound->n; i++) {
        sound->sample[i] =
            whole ? (double)(int16_t)ck_little(data + 2 * i, 2) / 32768.0 : ck_float(data + 4 * i);
    }
    return true;
}

static void read_other(ck_sound *sound, const char *path) {
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    ck_readable(file != NULL && info.channels == 1 && info.frames > 0 && info.frames <= 1 << 28,
                path, "is no recording of one channel");
    sound->n = (size_t)info.frames;
    sound->rate = info.samplerate;
    sound->sample = ck_alloc(sound->n, sizeof(double));
    ck_readable(sf_readf_double(file, sound->sample, info.frames) == info.frames, path,
                "ends too early");
}

void ck_sound_read(ck_sound *sound, ck_bytes file, const char *path) {
    if (!read_riff(sound, file)) {
        read_other(sound, path);
    }
    for (size_t i = 0; i < sound->n; i++) {
        ck_require(fabs(sound->sample[i]) <= 0x1p32, "recording", "sample %zu is no number", i);
    }
}
