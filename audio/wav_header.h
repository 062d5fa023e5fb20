/* The chunks of a WAV file as its own bytes have them. Private to audio/. */
#ifndef SP_AUDIO_WAV_HEADER_H
#define SP_AUDIO_WAV_HEADER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "audio/impl.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SP_SOUND_FMT_MOST = 64, SP_SOUND_HEAD_MOST = 128 };

/** sp_sound_wav - what a header says, and where the samples stand. */
typedef struct sp_sound_wav {
    bool found;     /* RIFF, RIFX or RF64, with a fmt chunk that is kept here and a data chunk */
    bool big, rf64; /* numbers are big-endian; sizes of 64 bits */
    unsigned char fmt[SP_SOUND_FMT_MOST]; /* [fmt_bytes] content of the fmt chunk */
    size_t fmt_bytes;
    uint64_t fmt_at;                /* its offset */
    unsigned channels, block, bits; /* block: bytes of a frame, or of an encoded block of frames */
    bool extensible;                /* WAVE_FORMAT_EXTENSIBLE with integers */
    unsigned valid;                 /* their valid bits; 0: all, or not stated */
    uint64_t rate;
    size_t parts;         /* data chunks */
    uint64_t data, bytes; /* of the first: offset of its content, and the size that is stated */
    uint64_t there;       /* bytes from `data` to the end of the file */
    bool streamed;        /* the stated size stands for "not known yet": all of `there` is data */
    bool loose;           /* a chunk of odd size before the data lacks its padding byte */
} sp_sound_wav;

/** sp_sound_wav_read - walks the chunks of a file of `size` bytes. Not found: no such file. */
void sp_sound_wav_read(sp_sound_wav *wav, FILE *file, uint64_t size);

/** sp_sound_wav_head - the bytes that may stand before the content of the data chunk so that its
 *  true size is stated.   O head [SP_SOUND_HEAD_MOST]   Returns how many there are; 0: the data
 *  exceed what such a header can state. */
size_t sp_sound_wav_head(unsigned char *head, const sp_sound_wav *wav, uint64_t bytes);

/** sp_sound_wav_limit - states in the header of a whole file that only `valid` bits of its integers
 *  are used, if it is WAVE_FORMAT_EXTENSIBLE and has more.   I/O bytes [size] */
void sp_sound_wav_limit(char *bytes, size_t size, unsigned valid);

#ifdef __cplusplus
}
#endif
#endif
