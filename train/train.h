/* Training networks on labelled clips: plain, adversarial and certified. */
#ifndef SP_TRAIN_TRAIN_H
#define SP_TRAIN_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/audio.h"
#include "base/status.h"
#include "net/net.h"
#include "preprocess/preprocess.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- architectures ---- */

/** sp_arch_read / sp_arch_parse - a net with random weights from a description (JSON):
 *    {"layers": [{"kind": "dense", "out": 40}, {"kind": "relu"}, {"kind": "lstm", "out": 32}, ...]}
 *  Kinds: dense, relu, lstm, gru (reset after the product), rnn (with "activation": "tanh" or
 *  "relu"), linear (h_t = lambda o h_{t-1} + (1 - lambda) o (W x_t + b); "decay": the least and the
 *  largest lambda to begin with). The last layer is dense; the layers behind the last recurrent one
 *  run once, on the last step. Without any recurrent layer the net takes one step. Weights are
 *  uniform in +-1/sqrt(fan in), which is H for recurrent layers, for linear ones +-sqrt(6 / fan
 *  in); biases are zero but for the LSTM's forget gate, 1. `name` is used in messages. */
SP_NODISCARD sp_status sp_arch_read(sp_error *err, sp_net *net, const char *path, size_t features,
                                    uint64_t seed);
SP_NODISCARD sp_status sp_arch_parse(sp_error *err, sp_net *net, const char *text, size_t size,
                                     const char *name, size_t features, uint64_t seed);

/* ---- data ---- */

/** sp_dataset - the clips of one manifest or several in memory. */
typedef struct sp_dataset_clip {
    sp_clip clip; /* owned */
    size_t label;
    sp_split split; /* train, validation or test */
    size_t number;  /* among the clips that are not for testing: what its variants depend on */
} sp_dataset_clip;
typedef struct sp_dataset {
    sp_dataset_clip *clip;  /* [count] owned */
    size_t count, split[4]; /* clips in each split */
    size_t classes;         /* largest label + 1 */
    bool drawn;             /* the manifest names no validation clips: some were drawn */
    /* SHA-256 of rate, full scale, labels, splits and samples of the clips that are not for
     * testing, hexadecimal */
    char digest[65];
} sp_dataset;

/** sp_dataset_read - reads every clip of the manifests, recordings or sequences, as the front end
 *  asks. A clip without a
 *  split is for training. When no clip is for validation, one in ten of those for training, drawn
 *  by a hash of their numbers, is. Errors name the clip. */
SP_NODISCARD sp_status sp_dataset_read(sp_error *err, sp_dataset *data, const char *const *manifest,
                                       size_t manifests, const sp_front *front,
                                       const sp_clip_options *options);
void sp_dataset_clear(sp_dataset *data);

/* ---- recipes ---- */

typedef enum { SP_DEFENCE_NONE, SP_DEFENCE_ADVERSARIAL, SP_DEFENCE_CERTIFIED } sp_defence;

/** sp_certifier - the domain that bounds the worst logits of certified training: intervals;
 *  zonotopes with a symbol for each feature of each frame; these, met with intervals at every
 *  number [RNNGuard]. */
typedef enum {
    SP_CERTIFIER_INTERVAL,
    SP_CERTIFIER_ZONOTOPE,
    SP_CERTIFIER_INTERZONO,
    SP_CERTIFIERS
} sp_certifier;

/** sp_recipe - how to train. Zeros are meant as zeros: begin with sp_recipe_standard. */
typedef struct sp_recipe {
    uint64_t seed;
    size_t epochs, batch; /* most epochs; clips in a mini-batch */
    double average;  /* exponential average of the weights: share of the past that a step keeps;
                             0: the weights as they are */
    size_t patience; /* epochs without a better validation loss before it stops; 0: never */
    double rate;     /* of Adam, after a cosine from this value to 1 % of it */
    double decay;    /* weight decay, decoupled from the gradient (AdamW); not of biases */
    double clip;     /* largest norm of a batch's gradient; 0: any */
    double gain_db;  /* clips are played up to so much louder or softer */
    double noise_db; /* loudest added noise in dB re the clip's peak; NaN: none */
    double noise_span_db; /* the quietest lies so much below; uniform in dB between the two */
    size_t shift;         /* clips begin up to so many samples earlier or later */
    /* against noise: (1 - weight) of the loss is that of the clip, weight that of the worst noise
     * */
    sp_defence defence;
    double budget_db;    /* noise in dB re the clip's peak; of sequences, re 1 */
    bool absolute;       /* the defence is one of sequences */
    size_t attack_steps; /* of projected gradient ascent; 1: FGSM; 0: none (certified only) */
    double box;      /* certified: share of the budget that the bounds cover, around the attack */
    size_t box_ramp; /* certified: epochs behind warm in which the box grows to that share */
    sp_certifier certifier;
    double weight;
    double box_weight; /* certified: share of the bounds in that; the rest is the attack's */
    size_t warm, ramp; /* epochs without, and epochs in which weight and budget grow */
} sp_recipe;
void sp_recipe_standard(sp_recipe *recipe);
/** sp_recipe_check - SP_E_ARGUMENT names the first value that makes no sense. */
SP_NODISCARD sp_status sp_recipe_check(sp_error *err, const sp_recipe *recipe);

/* ---- training ---- */

/** sp_training - a net that is being trained. Everything is a function of the net, the data and the
 *  recipe: neither the number of threads nor an interruption changes a bit. */
typedef struct sp_training sp_training;

/** sp_training_create - `net` (taken over), `front` and `data` (borrowed) must fit together. */
SP_NODISCARD sp_status sp_training_create(sp_error *err, sp_training **training, sp_net *net,
                                          const sp_front *front, const sp_dataset *data,
                                          const sp_recipe *recipe);
void sp_training_destroy(sp_training *training);
/** sp_training_begin - with the weights of a net as sp_training_net and model files have it, which
 *  reads features as the front end gives them, instead of those of creation. SP_E_MISMATCH when its
 *  layers are others. Before the first epoch. */
SP_NODISCARD sp_status sp_training_begin(sp_error *err, sp_training *training, const sp_net *net);
/** sp_training_floor - the floor that the logarithm of band energies should have for the noise of
 *  the defence: that of the typical training clip in the middle band moves a feature by about two
 *  then at most; and *has: the one that is there. NaN without a defence. */
double sp_training_floor(const sp_training *training, double *has);

/** sp_training_point - one point of the curves. Losses are means over clips, in nats. */
typedef struct sp_training_point {
    size_t number;     /* from 1 */
    double loss;       /* that was descended, over the training clips as they came by */
    double check_loss; /* the same on the validation clips, without augmentation, at full budget */
    double accuracy;   /* share of the validation clips that are answered rightly */
    double robust;     /* share answered rightly against the defence's noise; NaN without one */
    bool best;         /* so far */
} sp_training_point;

/** sp_training_epoch - trains one epoch. SP_E_NONFINITE when the loss is no longer a number. */
SP_NODISCARD sp_status sp_training_epoch(sp_error *err, sp_training *training);
/** sp_training_until - epochs end with SP_E_TIMEOUT at this value of sp_clock_wall; 0: never. The
 *  best epoch before is there; the training cannot go on. */
void sp_training_until(sp_training *training, double deadline);
/** sp_training_done - all epochs are over, or patience is. */
bool sp_training_done(const sp_training *training);
/** sp_training_curve - the epochs so far. */
const sp_training_point *sp_training_curve(const sp_training *training, size_t *count);
/** sp_training_best - the epoch whose weights are kept; NULL before the first. */
const sp_training_point *sp_training_best(const sp_training *training);

/** sp_training_save - writes a checkpoint by way of a file beside it, so that a kill leaves the old
 *  one or the new one. sp_training_resume - takes it up; SP_E_MISMATCH when it belongs to other
 *  data, another net or another recipe. */
SP_NODISCARD sp_status sp_training_save(sp_error *err, const sp_training *training,
                                        const char *path);
SP_NODISCARD sp_status sp_training_resume(sp_error *err, sp_training *training, const char *path);

/** sp_training_net - the net of the best epoch as a model file holds it: it reads features as the
 *  front end gives them, and every weight is a float. Clear it with sp_net_clear. */
SP_NODISCARD sp_status sp_training_net(sp_error *err, const sp_training *training, sp_net *net);

/* ---- planting ---- */

/** sp_plant - a network that hides counterexamples: inputs [steps, features] around random centres
 *  in [-1, 1], each with a box of the radius, that it answers by the label of their centre as far
 *  as attacks can see; but near one corner of each box another logit is larger. For testing
 *  verifiers: whatever claims that such a box has one answer is wrong. */
typedef struct sp_plant {
    uint64_t seed;
    size_t instances, steps;
    double radius, depth; /* depth: by which the other logit is larger at least */
    size_t epochs;        /* at most; it ends when no attack finds a wrong answer */
    double rate;
} sp_plant;
void sp_plant_standard(sp_plant *plant);

typedef struct sp_planted_instance {
    double *centre, *input; /* [steps features] floats; input: the counterexample */
    size_t label, target;
    double depth; /* logit[target] - logit[label] there, by sp_net_run */
    bool planted; /* deep enough, and 64 descents in each of the boxes found no counterexample */
} sp_planted_instance;
typedef struct sp_planted {
    sp_planted_instance *instance; /* [instances] owned */
    size_t instances, epochs;
    double *memory; /* owned */
} sp_planted;

/** sp_plant_run - trains the weights of `net`, a chain that the trainer has passes through and that
 *  ends in dense, ReLU, dense; in the end they are floats. Equal seeds give equal bits. Not every
 *  instance need be planted. */
SP_NODISCARD sp_status sp_plant_run(sp_error *err, sp_planted *planted, const sp_net *net,
                                    const sp_plant *plant);
void sp_planted_clear(sp_planted *planted);

/** sp_dataset_accuracy - the share of a split that `net` answers rightly by the concrete path;
 *  NaN for an empty split. */
SP_NODISCARD sp_status sp_dataset_accuracy(sp_error *err, double *accuracy, const sp_dataset *data,
                                           sp_split split, const sp_net *net,
                                           const sp_front *front);

#ifdef __cplusplus
}
#endif
#endif
