/* The chunks of a WAV file. A program that writes to a pipe cannot go back to fill in the sizes,
 * and leaves what it wrote at first: 0 (GStreamer), 0xFFFFFFFF (ffmpeg), 0x7FFFF000 (sox),
 * 0x80000000 or 0x7FFFFFFF (arecord), or these less the length of the header. */
#include "audio/wav_header.h"

#include <string.h>

enum { FMT_LEAST = 16, EXTENSIBLE = 0xFFFE, CHUNKS_MOST = 10000 };

typedef struct chunk {
    char id[4];
    uint64_t bytes, content; /* stated size, and offset of the content */
} chunk;

typedef struct walk {
    FILE *file;
    uint64_t size, at;
    bool big;
} walk;

static uint64_t number(const unsigned char *at, size_t bytes, bool big) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * (big ? bytes - 1 - i : i));
    }
    return value;
}

static void put_number(unsigned char *at, uint64_t value, size_t bytes, bool big) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (unsigned char)(value >> (8 * (big ? bytes - 1 - i : i)));
    }
}

static bool read_at(const walk *w, void *bytes, size_t count, uint64_t at) {
    return at <= w->size && count <= w->size - at && fseeko(w->file, (off_t)at, SEEK_SET) == 0 &&
           fread(bytes, 1, count, w->file) == count;
}

static bool is_id(const char *id) {
    for (int i = 0; i < 4; i++) {
        if (id[i] < 0x20 || id[i] > 0x7E) {
            return false;
        }
    }
    return true;
}

/* Whether it is a chunk that people write. */
static bool is_usual(const char *id) {
    static const char usual[][5] = {"fmt ", "data", "LIST", "fact", "ds64", "JUNK",
                                    "bext", "PEAK", "cue ", "id3 ", "iXML", "INFO"};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (memcmp(id, usual[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

/* The chunk at `at`; false: none is there. */
static bool chunk_at(const walk *w, chunk *c, uint64_t at) {
    unsigned char head[8];
    if (!read_at(w, head, sizeof head, at)) {
        return false;
    }
    memcpy(c->id, head, 4);
    c->bytes = number(head + 4, 4, w->big);
    c->content = at + 8;
    return is_id(c->id);
}

/* Moves behind a chunk; true: its padding byte is missing. */
static bool step_over(walk *w, const chunk *c) {
    chunk padded, loose;
    w->at = c->content + c->bytes;
    if (c->bytes % 2 == 0) {
        return false;
    }
    const bool missing = !(chunk_at(w, &padded, w->at + 1) && is_usual(padded.id)) &&
                         chunk_at(w, &loose, w->at) && is_usual(loose.id);
    w->at += missing ? 0 : 1;
    return missing;
}

/* Whether chunks follow one another from w->at to the end of the file. */
static bool ends_in_chunks(walk w) {
    chunk c;
    for (size_t i = 0; i < CHUNKS_MOST && w.at + 1 < w.size; i++) {
        if (!chunk_at(&w, &c, w.at)) {
            return false;
        }
        (void)step_over(&w, &c);
    }
    return w.at <= w.size + 1;
}

/* Sizes near those that stand for "not known yet", and above what is there. */
static bool stands_for_unknown(uint64_t bytes, bool rf64) {
    static const uint64_t places[] = {0x80000000U, 0x100000000U, 0x8000000000000000U};
    const uint64_t near = 0x10000;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (bytes >= places[i] - near && bytes <= places[i] + near) {
            return true;
        }
    }
    return rf64 && bytes >= UINT64_MAX - near;
}

static void take_format(sp_sound_wav *wav, const walk *w, const chunk *c) {
    if (c->bytes < FMT_LEAST || c->bytes > sizeof wav->fmt || wav->fmt_bytes > 0 ||
        !read_at(w, wav->fmt, (size_t)c->bytes, c->content)) {
        return;
    }
    const unsigned char *fmt = wav->fmt;
    wav->fmt_bytes = (size_t)c->bytes;
    wav->channels = (unsigned)number(fmt + 2, 2, w->big);
    wav->rate = number(fmt + 4, 4, w->big);
    wav->block = (unsigned)number(fmt + 12, 2, w->big);
    wav->bits = (unsigned)number(fmt + 14, 2, w->big);
    wav->fmt_at = c->content;
    wav->extensible = number(fmt, 2, w->big) == EXTENSIBLE && wav->fmt_bytes >= 40 &&
                      number(fmt + 24, 2, w->big) == 1; // the sub-format: PCM
    const unsigned valid = wav->extensible ? (unsigned)number(fmt + 18, 2, w->big) : 0;
    wav->valid = valid < wav->bits ? valid : 0;
}

/* The first data chunk; `wide` is the size in the ds64 chunk of an RF64 file. */
static void take_data(sp_sound_wav *wav, const walk *w, const chunk *c, uint64_t wide) {
    wav->data = c->content;
    wav->bytes = wav->rf64 && c->bytes == 0xFFFFFFFFU ? wide : c->bytes;
    wav->there = w->size - c->content;
    walk behind = *w;
    behind.at = c->content;
    wav->streamed = wav->bytes > wav->there
                        ? stands_for_unknown(wav->bytes, wav->rf64)
                        : wav->bytes == 0 && wav->there > 0 && !ends_in_chunks(behind);
}

void sp_sound_wav_read(sp_sound_wav *wav, FILE *file, uint64_t size) {
    unsigned char head[12], wide[16];
    walk w = {file, size, 12, false};
    chunk c;
    uint64_t wide_bytes = 0;
    *wav = (sp_sound_wav){0};
    if (!read_at(&w, head, sizeof head, 0) || memcmp(head + 8, "WAVE", 4) != 0) {
        return;
    }
    wav->big = w.big = memcmp(head, "RIFX", 4) == 0;
    wav->rf64 = memcmp(head, "RF64", 4) == 0;
    if (!wav->big && !wav->rf64 && memcmp(head, "RIFF", 4) != 0) {
        return;
    }
    for (size_t i = 0; i < CHUNKS_MOST && !wav->streamed && chunk_at(&w, &c, w.at); i++) {
        if (memcmp(c.id, "ds64", 4) == 0 && read_at(&w, wide, sizeof wide, c.content)) {
            wide_bytes = number(wide + 8, 8, w.big);
        } else if (memcmp(c.id, "fmt ", 4) == 0) {
            take_format(wav, &w, &c);
        } else if (memcmp(c.id, "data", 4) == 0 && wav->parts++ == 0) {
            take_data(wav, &w, &c, wide_bytes);
            c.bytes = wav->bytes;
        }
        if (c.bytes > size) {
            break;
        }
        wav->loose = (step_over(&w, &c) && wav->parts == 0) || wav->loose;
    }
    wav->found = wav->fmt_bytes > 0 && wav->parts > 0;
}

size_t sp_sound_wav_head(unsigned char *head, const sp_sound_wav *wav, uint64_t bytes) {
    const uint64_t most = 0xFFFFFFFFU;
    const size_t wide = wav->rf64 ? 36 : 0, fmt = wav->fmt_bytes + wav->fmt_bytes % 2;
    const size_t size = 12 + wide + 8 + fmt + 8;
    const uint64_t whole = size - 8 + bytes;
    if (!wav->rf64 && whole >= most) {
        return 0;
    }
    memset(head, 0, size);
    memcpy(head, wav->rf64 ? "RF64" : wav->big ? "RIFX" : "RIFF", 4);
    put_number(head + 4, wav->rf64 ? most : whole, 4, wav->big);
    memcpy(head + 8, "WAVE", 4);
    if (wav->rf64) {
        memcpy(head + 12, "ds64", 4);
        put_number(head + 16, 28, 4, false);
        put_number(head + 20, whole, 8, false);
        put_number(head + 28, bytes, 8, false);
        put_number(head + 36, wav->block > 0 ? bytes / wav->block : 0, 8, false);
    }
    unsigned char *at = head + 12 + wide;
    memcpy(at, "fmt ", 4);
    put_number(at + 4, wav->fmt_bytes, 4, wav->big);
    memcpy(at + 8, wav->fmt, wav->fmt_bytes);
    memcpy(at + 8 + fmt, "data", 4);
    put_number(at + 12 + fmt, wav->rf64 ? most : bytes, 4, wav->big);
    return size;
}

void sp_sound_wav_limit(char *bytes, size_t size, unsigned valid) {
    sp_sound_wav wav;
    FILE *file = fmemopen(bytes, size, "rb");
    if (file != NULL) {
        sp_sound_wav_read(&wav, file, size);
        fclose(file);
        if (wav.extensible && valid > 0 && valid < wav.bits) {
            put_number((unsigned char *)bytes + wav.fmt_at + 18, valid, 2, wav.big);
        }
    }
}
