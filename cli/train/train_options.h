/* The options of soundproof train. Private to this folder. */
#ifndef SP_CLI_TRAIN_OPTIONS_H
#define SP_CLI_TRAIN_OPTIONS_H

#include "cli/impl.h"
#include "train/train.h"

/* name in C, name, argument, help */
#define CLI_TRAIN_OPTIONS(X)                                                                       \
    X(arch, "arch", "A.json", "the layers, see examples/archs/")                                   \
    X(data, "data", "TSV",                                                                         \
      "the clips: a manifest, or several with commas between them; lines with path, tab, label, "  \
      "and after more tabs train, validation or test, and a speaker; validation clips are drawn "  \
      "when none is named")                                                                        \
    X(out, "out", "M.onnx", "where the model goes")                                                \
    X(logits, "logits", "1",                                                                       \
      "of labels 0 and 1: the model has one logit, above 0 for label 1, as wake-word models do")   \
    X(init, "init", "M.onnx", "begin with the layers and weights of this model; no --arch")        \
    X(stages, "stages", "S.json",                                                                  \
      "several trainings one after the other, each from where the last one ended; see "            \
      "examples/stages/")                                                                          \
    X(checkpoint, "checkpoint", "FILE",                                                            \
      "saved after every epoch; a run that finds it goes on from there")                           \
    X(seed, "seed", "N", "of weights, order, variants and attacks; 1")                             \
    X(epochs, "epochs", "N", "most epochs, over which the rate falls along a cosine; 60")          \
    X(batch, "batch", "N", "clips in a mini-batch; 32")                                            \
    X(patience, "patience", "N",                                                                   \
      "stop after so many epochs without a better validation loss; 30; 0: never")                  \
    X(rate, "rate", "R", "of Adam; 0.002")                                                         \
    X(decay, "decay", "W", "weight decay; 0.0001")                                                 \
    X(clip, "clip", "G", "largest norm of a gradient; 1; 0: any")                                  \
    X(gain, "gain", "DB", "clips are played up to so much louder or softer; 6")                    \
    X(noise, "noise", "DB", "loudest added white noise relative to the clip's peak, or none; -40") \
    X(noise_span, "noise-span", "DB", "the quietest lies so much below; 40")                       \
    X(shift, "shift", "N", "clips begin up to so many samples earlier or later; 200")              \
    X(certify, "certify", "B",                                                                     \
      "certified training: also learn the worst logits that bounds leave possible under noise "    \
      "of this budget, e.g. -60dB, or 0.01 for sequences of numbers")                              \
    X(certify_with, "certify-with", "DOMAIN",                                                      \
      "--certify: bounds of the worst logits by interval, zonotope (a symbol for each feature of " \
      "each frame) or interzono (both at every number, as RNN-Guard); interval")                   \
    X(adversarial, "adversarial", "B",                                                             \
      "adversarial training: also learn the worst noise of this budget that an attack finds")      \
    X(attack_steps, "attack-steps", "N", "steps of that attack; 1, which is FGSM")                 \
    X(box, "box", "S",                                                                             \
      "--certify: share of the budget that the bounds cover, around the attack; 0.05")             \
    X(box_ramp, "box-ramp", "N",                                                                   \
      "--certify: epochs in which that share grows to its value, behind those of --warm; 0")       \
    X(weight, "weight", "S", "share of the loss under noise; 0.5")                                 \
    X(box_weight, "box-weight", "S",                                                               \
      "--certify: share of the bounds in that; the rest is the noise of the attack; 1")            \
    X(average, "average", "S",                                                                     \
      "what a step keeps of the exponential average of the weights that is written, e.g. 0.995; "  \
      "0: none")                                                                                   \
    X(warm, "warm", "N", "epochs before any noise of --certify or --adversarial; 3")               \
    X(ramp, "ramp", "N", "epochs in which it grows to its weight and budget; 15")                  \
    X(plant, "plant", "N",                                                                         \
      "instead of learning from clips: for each architecture of --arch (commas between them) a "   \
      "network that hides N counterexamples, with queries, into the folder --out")                 \
    X(shape, "shape", "TxD", "--plant: steps, and numbers of each; dense layers alone take 1xD")   \
    X(radius, "radius", "R", "--plant: how far inputs may move; 0.2")                              \
    X(depth, "depth", "M", "--plant: by which the other logit is larger at least; 0.01")           \
    X(language, "language", "V", "--plant: of the queries, 1.0 or 2.0; 2.0")

#define CLI_TRAIN_INDEX(id, name, argument, help) CLI_TRAIN_##id,
enum { CLI_TRAIN_OPTIONS(CLI_TRAIN_INDEX) CLI_TRAIN_COUNT };
#undef CLI_TRAIN_INDEX
#define CLI_TRAIN_OPTION(id, name, argument, help) {name, help, argument},

enum { CLI_TRAIN_PATH = 4200 }; /* bytes of a name */

/** cli_train_plant - the command with --plant: the exit code; -1: it was not asked for. */
int cli_train_plant(const cli_options *options);

/** cli_train_certifier - the names of domains for --certify-with. */
extern const char *const cli_train_certifier[SP_CERTIFIERS];

/** cli_train_recipe - -1, or the exit code after a message. */
int cli_train_recipe(sp_recipe *recipe, const cli_options *options);

/** cli_train_join_logits - a copy whose last layer, of two logits, is that of their difference, in
 *  floats. */
SP_NODISCARD sp_status cli_train_join_logits(sp_error *err, sp_net *one, const sp_net *net);

/** cli_train_stages_read - the recipes of --stages, or the one of the options alone; *count of
 *  them, owned by the caller. -1, or the exit code after a message. A file is an object with a list
 *  "stages" of objects; their members are options of this command without the dashes, and stand in
 *  for those of the command line. The seeds of stages are one apart. */
int cli_train_stages_read(sp_recipe **recipe, size_t *count, const cli_options *options);

#endif
