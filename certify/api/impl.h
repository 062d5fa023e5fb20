/* Private to certify/api/: what stands behind the opaque types of the installed header. */
#ifndef SP_CERTIFY_API_IMPL_H
#define SP_CERTIFY_API_IMPL_H

#include "certify/certify.h"
#include "include/soundproof.h"
#include "onnx/onnx.h"

struct soundproof {
    sp_model model;
    sp_front *front;
    sp_pipeline pipeline;
};

struct soundproof_clip {
    sp_clip clip;
    char *path; /* NULL: it came from memory */
};

/** sp_api_error - why the calling thread's last failed call failed. sp_api_begin - forgets it. */
sp_error *sp_api_error(void);
void sp_api_begin(void);

/** sp_api_clip_read, sp_api_clip_of - fill a clip of zeros; clear it whatever was returned. */
SP_NODISCARD sp_status sp_api_clip_read(sp_error *err, soundproof_clip *clip,
                                        const soundproof *system, const char *path);
SP_NODISCARD sp_status sp_api_clip_of(sp_error *err, soundproof_clip *clip,
                                      const soundproof *system, const double *samples, size_t n,
                                      int rate, double full_scale);
void sp_api_clip_clear(soundproof_clip *clip);

#endif
