/* An open audio file, and what its format says about it. Private to audio/. */
#ifndef SP_AUDIO_SOUND_FILE_H
#define SP_AUDIO_SOUND_FILE_H

#include <sndfile.h>

#include "audio/impl.h"
#include "audio/wav_header.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_sound_file {
    SNDFILE *handle; /* owned */
    SF_INFO info;
    const char *path; /* borrowed */
    FILE *file;       /* owned: its bytes */
    char *bytes;      /* owned: those of a pipe, else NULL */
    uint64_t size;
    sp_sound_wav wav; /* of WAV files */
    // what libsndfile reads where the header must be mended, and of pipes: head, then bytes of file
    unsigned char head[SP_SOUND_HEAD_MOST];
    size_t head_bytes;
    uint64_t from, count, at; /* first and number of the file's bytes, and the place in all */
} sp_sound_file;

/** sp_sound_open - opens an audio file; "-" is standard input, which can be read once, and any
 *  other pipe is read to its end too. Refuses what is no audio file, names no rate or no channels,
 *  or holds several recordings. The file must stay where it is until sp_sound_close, which is
 *  harmless after a failure. */
SP_NODISCARD sp_status sp_sound_open(sp_error *err, sp_sound_file *file, const char *path);
void sp_sound_close(sp_sound_file *file);

/** sp_sound_bits - bits of the integers that a file decodes to; 0 for floating point and for lossy
 *  formats that decode to it. */
int sp_sound_bits(const sp_sound_file *file);

/** sp_sound_coding - which values the samples of a libsndfile format have. */
sp_clip_coding sp_sound_coding(int format);

/** sp_sound_whole - whether the `frames` that were read are all that the file promises: refuses an
 *  empty recording and a file that was cut off, as far as its format tells. */
SP_NODISCARD sp_status sp_sound_whole(sp_error *err, const sp_sound_file *file, size_t frames);

/** sp_sound_too_long - the failure for recordings of more than `limit` samples. */
sp_status sp_sound_too_long(sp_error *err, size_t limit);

#ifdef __cplusplus
}
#endif
#endif
