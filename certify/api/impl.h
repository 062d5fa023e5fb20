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

/** sp_api_request - a query as the rooms below read it. */
typedef struct sp_api_request {
    soundproof_query query; /* members that the caller's header does not have are the defaults */
    sp_budget budget;
    long label;
    sp_pipeline pipeline; /* the system's, with what is asked; not to be cleared */
    double *thresholds;   /* owned */
} sp_api_request;
/** sp_api_request_read - of certify, attack and radius; clear it whatever was returned. of_budget:
 *  the query must have one. */
SP_NODISCARD sp_status sp_api_request_read(sp_error *err, sp_api_request *asked,
                                           const soundproof *system, const soundproof_clip *clip,
                                           const soundproof_query *query, bool of_budget);
void sp_api_request_clear(sp_api_request *asked);

/** sp_api_clip_read, sp_api_clip_of - fill a clip of zeros; clear it whatever was returned. */
SP_NODISCARD sp_status sp_api_clip_read(sp_error *err, soundproof_clip *clip,
                                        const soundproof *system, const char *path);
SP_NODISCARD sp_status sp_api_clip_of(sp_error *err, soundproof_clip *clip,
                                      const soundproof *system, const double *samples, size_t n,
                                      int rate, double full_scale);
void sp_api_clip_clear(soundproof_clip *clip);

#endif
