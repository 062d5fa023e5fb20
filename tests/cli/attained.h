/* The least margin that the clip of a seed and random loudest noises attain. */
#ifndef SP_TESTS_CLI_ATTAINED_H
#define SP_TESTS_CLI_ATTAINED_H

#include <math.h>

#include "certify/certify.h"
#include "onnx/onnx.h"
#include "tests/cli/proofs.h"

enum { MOST_CLASSES = 8 };

static inline double least_attained(const char *model, const char *description, uint64_t seed,
                                    size_t label, double radius, size_t noises) {
    sp_model read = {0};
    sp_front *front = NULL;
    sp_pipeline pipeline = {0};
    sp_clip samples = {0};
    sp_rng rng;
    double least = INFINITY;
    assert_int_equal(sp_model_read(NULL, &read, model), SP_OK);
    assert_int_equal(sp_front_parse(NULL, &front, description, strlen(description), "small"),
                     SP_OK);
    assert_int_equal(sp_pipeline_init(NULL, &pipeline, &read.net, front, sp_method_find("exact"),
                                      SP_FRONT_JOINT),
                     SP_OK);
    int16_t clean[SMALL_SAMPLES];
    make_samples(clean, SMALL_SAMPLES, seed);
    sp_rng_init(&rng, seed);
    for (size_t k = 0; k <= noises; k++) {
        double x[SMALL_SAMPLES], logits[MOST_CLASSES];
        for (size_t i = 0; i < SMALL_SAMPLES; i++) {
            const double d = sp_rng_uniform(&rng, -1.0, 1.0) >= 0.0 ? radius : -radius;
            x[i] = (double)clean[i] + (k > 0 ? d : 0.0);
        }
        assert_int_equal(sp_clip_init(NULL, &samples, x, SMALL_SAMPLES, 8000, 32768.0, 1.0), SP_OK);
        assert_int_equal(sp_pipeline_clean(NULL, &pipeline, logits, &samples), SP_OK);
        sp_clip_clear(&samples);
        for (size_t i = 0; i < read.net.classes; i++) {
            least = i != label ? fmin(least, logits[label] - logits[i]) : least;
        }
    }
    sp_pipeline_clear(&pipeline);
    sp_front_destroy(front);
    sp_model_clear(&read);
    return least;
}

#endif
