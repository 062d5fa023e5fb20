/* Shared by the files of audio/ only. */
#ifndef SP_AUDIO_IMPL_H
#define SP_AUDIO_IMPL_H

#include "audio/audio.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_clip_measure - checks that all samples are finite (the message names the first that is not)
 *  and sets peak and rms. The relative error of rms is at most 2^-49 unless it is subnormal. */
SP_NODISCARD sp_status sp_clip_measure(sp_error *err, sp_clip *clip);

/** sp_clip_convert - the clip at another rate, by libsamplerate (single precision inside).
 *  At most max_samples may result. */
SP_NODISCARD sp_status sp_clip_convert(sp_error *err, sp_clip *clip, int rate, size_t max_samples);

#ifdef __cplusplus
}
#endif
#endif
