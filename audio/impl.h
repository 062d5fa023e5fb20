/* Shared by the files of audio/ only. */
#ifndef SP_AUDIO_IMPL_H
#define SP_AUDIO_IMPL_H

#include "audio/audio.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_clip_measure - checks that all samples are finite (the message names the first that is not)
 *  and sets peak, rms and gap. The relative error of rms is at most 2^-49 unless it is subnormal.
 */
SP_NODISCARD sp_status sp_clip_measure(sp_error *err, sp_clip *clip);

/** sp_clip_take_format - makes `clip` one of the coding and format of `from`; sets its gap. */
void sp_clip_take_format(sp_clip *clip, const sp_clip *from);

/** sp_clip_gap - the least distance of a sample to another value of the coding; 0 for floats. */
double sp_clip_gap(const sp_clip *clip);

/** sp_clip_convert - the clip at another rate, by libsamplerate (single precision inside).
 *  At most max_samples may result. */
SP_NODISCARD sp_status sp_clip_convert(sp_error *err, sp_clip *clip, int rate, size_t max_samples);

/** sp_clip_sequence_read - the clip of a sequence with rows of `width` numbers.
 *  sp_clip_sequence_draft - writes one. */
SP_NODISCARD sp_status sp_clip_sequence_read(sp_error *err, sp_clip *clip, const char *path,
                                             size_t width);
SP_NODISCARD sp_status sp_clip_sequence_draft(sp_error *err, sp_file_draft *draft,
                                              const sp_clip *clip);

enum { SP_NOISE_LANES = 8 };
/** sp_noise_lanes - their sum. Lane l sums the terms l, l + 8, ... of a window. */
static inline double sp_noise_lanes(const double lane[SP_NOISE_LANES]) {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}
/** sp_noise_grow - at least the exact sum of `terms` products >= 0, from that computed by lanes in
 *  `parts` windows one after the other. A term passes one product and at most terms/8 + 4 + parts
 *  additions, each with relative error 2^-53, or loses at most 2^-1074 where it underflows. So the
 *  sum is at most the computed one divided by what is kept, and a little more. */
double sp_noise_grow(double sum, size_t terms, size_t parts);
/** sp_noise_box_energy - sum radius^2. */
double sp_noise_box_energy(const double *radius, size_t n);

#ifdef __cplusplus
}
#endif
#endif
