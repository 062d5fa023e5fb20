/* An open audio file, and what its format says about it. Private to audio/. */
#ifndef SP_AUDIO_SOUND_FILE_H
#define SP_AUDIO_SOUND_FILE_H

#include <sndfile.h>

#include "audio/impl.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_sound_file {
    SNDFILE *handle; /* owned */
    SF_INFO info;
    const char *path; /* borrowed */
} sp_sound_file;

/** sp_sound_bits - bits of the integers that a file of this libsndfile format decodes to; 0 for
 *  floating point and for lossy formats that decode to it. */
int sp_sound_bits(int format);

/** sp_sound_whole - whether the `frames` that were read are all that the file promises: refuses an
 *  empty recording and a file that was cut off, as far as its format tells. */
SP_NODISCARD sp_status sp_sound_whole(sp_error *err, const sp_sound_file *file, size_t frames);

/** sp_sound_too_long - the failure for recordings of more than `limit` samples. */
sp_status sp_sound_too_long(sp_error *err, size_t limit);

#ifdef __cplusplus
}
#endif
#endif
