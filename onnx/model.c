/* ONNX files: the public face, and what a file says about itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "onnx/cell/seed.h"
#include "onnx/layer/mask.h"

static const size_t largest_file = (size_t)1 << 30;

void sp_model_clear(sp_model *model) {
    sp_net_clear(&model->net);
    free(model->front);
    free(model->training);
    free(model->names);
    free(model->producer);
    free(model->input_name);
    free(model->input_shape);
    free(model->doubt);
    free(model->inputs);
    sp_onnx_reference_destroy(model->reference);
    *model = (sp_model){0};
}

/* ---- what the file says about itself ---- */

static sp_status copy_text(sp_error *err, char **copy, const char *text) {
    *copy = strdup(text ? text : "");
    return *copy ? SP_OK : sp_fail(err, SP_E_MEMORY, "no memory for a text of the file");
}

void sp_model_opsets(long *least, long *most) {
    *least = SP_ONNX_MIN_OPSET;
    *most = SP_ONNX_MAX_OPSET;
}

static sp_status read_opset(sp_error *err, long *opset, const Onnx__ModelProto *proto) {
    *opset = 0;
    for (size_t i = 0; i < proto->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = proto->opset_import[i];
        if (!set->domain || set->domain[0] == '\0' || strcmp(set->domain, "ai.onnx") == 0) {
            if (!set->has_version || set->version < SP_ONNX_MIN_OPSET ||
                set->version > SP_ONNX_MAX_OPSET) {
                return sp_fail(
                    err, SP_E_UNSUPPORTED,
                    "operator set %" PRId64 ": sets %d to %d are read: export the model with "
                    "one of them",
                    set->has_version ? set->version : 0, SP_ONNX_MIN_OPSET, SP_ONNX_MAX_OPSET);
            }
            if (*opset != 0 && *opset != (long)set->version) {
                return sp_fail(err, SP_E_FORMAT,
                               "the operator set is declared as %ld and as %" PRId64
                               ": which one the nodes follow is not known",
                               *opset, set->version);
            }
            *opset = (long)set->version;
        }
    }
    return *opset != 0
               ? SP_OK
               : sp_fail(err, SP_E_FORMAT,
                         "not an ONNX model, or a damaged one: no operator set is declared");
}

/* The metadata entry `key`; NULL when there is none. */
static sp_status read_entry(sp_error *err, char **value, const char *key,
                            const Onnx__ModelProto *proto) {
    for (size_t i = 0; i < proto->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = proto->metadata_props[i];
        if (entry->key && strcmp(entry->key, key) == 0) {
            if (*value) {
                return sp_fail(err, SP_E_FORMAT, "metadata '%s' is given twice", key);
            }
            SP_TRY(copy_text(err, value, entry->value));
        }
    }
    return SP_OK;
}

static sp_status read_producer(sp_error *err, char **producer, const Onnx__ModelProto *proto) {
    const char *name = proto->producer_name ? proto->producer_name : "";
    const char *version = proto->producer_version ? proto->producer_version : "";
    const size_t size = strlen(name) + strlen(version) + 2;
    *producer = malloc(size);
    if (!*producer) {
        return sp_fail(err, SP_E_MEMORY, "no memory for a text of the file");
    }
    snprintf(*producer, size, "%s%s%s", name, version[0] != '\0' ? " " : "", version);
    return SP_OK;
}

/* ---- the network ---- */

static void mark_head(sp_net *net, sp_onnx_head head) {
    net->sigmoid = head == SP_ONNX_HEAD_SIGMOID;
    net->softmax = head == SP_ONNX_HEAD_SOFTMAX;
}

/* The network of one guess. */
static sp_status read_guess(sp_onnx_reader *r, sp_net *net, sp_onnx_defined *logits,
                            const sp_onnx_guess *guess, bool *followed) {
    const sp_onnx_sequence *result = NULL;
    *followed = false;
    r->steps_axis = guess->axis;
    r->steps = guess->steps;
    r->batch = guess->batch;
    SP_TRY(sp_onnx_interpret(r, &result));
    sp_onnx_sequence logits_of = *result;
    sp_onnx_source last;
    logits_of.head = SP_ONNX_HEAD_NONE;
    SP_TRY(sp_onnx_guards_add(r, &logits_of));
    SP_TRY(sp_onnx_sequence_settle(r, &logits_of, &last));
    SP_TRY(sp_onnx_sequence_set(r, &logits_of, last));
    SP_TRY(sp_onnx_unrolled_find(r, logits_of.row, logits_of.width));
    SP_TRY(sp_onnx_states_close(r));
    SP_TRY(r->hop > 0 ? sp_onnx_hop_close(r, &last) : SP_OK);
    SP_TRY(sp_onnx_layers_compact(r, &last));
    *followed = true;
    if (!net) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_layers_to_net(r, net, last));
    mark_head(net, result->head);
    net->every = r->chosen.every;
    r->head = result->head;
    *logits = result->head == SP_ONNX_HEAD_NONE ? (sp_onnx_defined){r->root, r->root->result[0]}
                                                : result->logits;
    return SP_OK;
}

/* Another axis that the file names as that of the steps, or that could be read as well. Of the last
 * axis this is asked only where its length is the same: others show by the number of features. */
static sp_status find_doubt(sp_onnx_reader *r, char *doubt, size_t size, const sp_onnx_guess *taken,
                            const sp_onnx_guess *guess, size_t count) {
    const Onnx__TensorShapeProto *shape = r->root->features->type->tensor_type->shape;
    doubt[0] = '\0';
    if (taken->axis == SP_ONNX_NO_AXIS || sp_onnx_axis_sense(shape, taken->axis) > 0) {
        return SP_OK;
    }
    for (size_t i = 0; i < shape->n_dim; i++) {
        if (i != taken->axis && sp_onnx_axis_sense(shape, i) > 0) {
            const char *name = sp_onnx_axis_name(shape, taken->axis);
            const bool named = name[0] != '\0';
            snprintf(doubt, size,
                     "the file names axis %zu of its input '%.40s', but its network runs over axis "
                     "%zu%s%.40s%s (a forgotten batch_first?): export it again so that both agree, "
                     "or confirm that axis %zu counts the steps by --steps-axis %zu",
                     i, sp_onnx_axis_name(shape, i), taken->axis, named ? ", '" : "", name,
                     named ? "'" : "", taken->axis, taken->axis);
            return SP_OK;
        }
    }
    sp_error *err = r->err, why = {0};
    const sp_onnx_part_of chosen = r->chosen;
    for (size_t i = 0; i < count; i++) {
        const bool square = guess[i].steps > 0 && guess[i].steps == taken->steps;
        const bool other = &guess[i] != taken && guess[i].axis != SP_ONNX_NO_AXIS &&
                           (guess[i].axis + 1 < shape->n_dim || square) &&
                           sp_onnx_axis_sense(shape, guess[i].axis) >= 0;
        bool followed = false;
        r->err = &why;
        const sp_status status =
            other ? read_guess(r, NULL, NULL, &guess[i], &followed) : SP_E_UNSUPPORTED;
        r->err = err;
        r->chosen = chosen;
        if (status == SP_OK && sp_onnx_axis_sense(shape, taken->axis) >= 0) {
            snprintf(
                doubt, size,
                "its steps could be counted by axis %zu or by axis %zu of its input, which the "
                "file does not name: choose by --steps-axis",
                taken->axis, guess[i].axis);
        }
    }
    return SP_OK;
}

/* Tries every guess that the choice leaves; when all fail, the error of the one that understood
 * most of the graph remains. */
static sp_status read_net(sp_onnx_reader *r, sp_model *model, sp_onnx_defined *logits,
                          const sp_model_choice *choice) {
    const Onnx__TensorShapeProto *shape = r->root->features->type->tensor_type->shape;
    sp_onnx_guess guess[SP_ONNX_MOST_GUESSES];
    const size_t count = sp_onnx_input_guesses(guess, r->root->proto, shape, choice->flat);
    const bool chosen = choice->steps_axis != SP_MODEL_AXIS_BY_FILE;
    sp_error *err = r->err, best = {0}, why = {0};
    size_t furthest = 0, tried = 0;
    for (size_t i = 0; i < count; i++) {
        if (chosen && guess[i].axis != (size_t)choice->steps_axis) {
            continue;
        }
        bool followed = false;
        r->err = &why;
        sp_status status = read_guess(r, &model->net, logits, &guess[i], &followed);
        if (status != SP_OK && guess[i].steps == 0 && r->wants_steps > 0) {
            guess[i].steps = r->wants_steps;
            status = read_guess(r, &model->net, logits, &guess[i], &followed);
        }
        r->err = err;
        if (status != SP_OK && followed) {
            return sp_fail(err, why.code, "%s", why.text);
        }
        if (status == SP_OK) {
            const bool streams = r->streams;
            char doubt[400] = "";
            SP_TRY(chosen ? SP_OK : find_doubt(r, doubt, sizeof doubt, &guess[i], guess, count));
            r->steps_axis = guess[i].axis;
            r->steps = guess[i].steps;
            r->batch = guess[i].batch;
            model->recordings = guess[i].batch.recordings;
            model->streams = model->reference->streams = streams;
            model->reference->hop = model->net.hop;
            model->steps_axis = guess[i].axis == SP_ONNX_NO_AXIS ? -1L : (long)guess[i].axis;
            model->inner = sp_onnx_input_inner(shape, guess[i].axis);
            if (doubt[0] != '\0' && !choice->accept_doubt) {
                return sp_fail(err, SP_E_UNSUPPORTED, "%s", doubt);
            }
            return doubt[0] != '\0' ? copy_text(err, &model->doubt, doubt) : SP_OK;
        }
        if (tried++ == 0 || r->furthest > furthest ||
            (r->furthest == furthest && r->wants_length)) {
            furthest = r->furthest;
            best = why;
        }
    }
    if (tried == 0) {
        return chosen && count > 0
                   ? sp_fail(err, SP_E_UNSUPPORTED, "axis %ld of its input cannot count the steps",
                             choice->steps_axis)
                   : sp_fail(err, SP_E_UNSUPPORTED,
                             "two axes of the input have a fixed length above 1: export the same "
                             "weights with batch size 1, which changes no answer to one clip");
    }
    char others[300];
    sp_onnx_obstacles(r, others, sizeof others, best.text);
    return sp_fail(err, best.code, "%s%s", best.text, others);
}

/* A whole number up to the character `end`; false: there is none. */
static bool read_index(size_t *number, const char *text, char end) {
    char *behind = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    const unsigned long long value = strtoull(text, &behind, 10);
    *number = (size_t)value;
    return *behind == end && value <= 1000000;
}

/* NAME, NAME[k], NAME@first, NAME@last, NAME@step, NAME@all, NAME@last@all, NAME[k]@..: takes what
 * stands behind the name off. */
static bool read_part(char *name, sp_onnx_part_of *part) {
    char *at = strrchr(name, '@');
    size_t step = 0;
    part->every = at && strcmp(at + 1, "all") == 0;
    bool taken = part->every;
    if (part->every) {
        *at = '\0';
        at = strrchr(name, '@');
    }
    if (at) {
        const bool last = strcmp(at + 1, "last") == 0, first = strcmp(at + 1, "first") == 0;
        if (!last && !first && !read_index(&step, at + 1, '\0')) {
            return false;
        }
        part->step = taken = true;
        part->at = last ? -1 : (long)step;
        *at = '\0';
    }
    char *bracket = strrchr(name, '[');
    if (bracket) {
        if (!read_index(&part->index, bracket + 1, ']') || strchr(bracket, ']')[1] != '\0') {
            return false;
        }
        part->number = true;
        *bracket = '\0';
    }
    return taken || bracket;
}

/* The output that is chosen by name, or another number that the graph computes; *part: which step
 * and number of it. */
static sp_status choose_output(sp_error *err, sp_onnx_graph *graph, const char *text,
                               sp_onnx_part_of *part) {
    char *name = NULL;
    SP_TRY(copy_text(err, &name, text));
    size_t id = sp_onnx_graph_find(graph, name);
    if (id == SP_ONNX_NO_NAME && read_part(name, part)) {
        id = name[0] != '\0' ? sp_onnx_graph_find(graph, name) : graph->result[0];
    }
    free(name);
    if (id == SP_ONNX_NO_NAME || graph->definition[id].by != SP_ONNX_DEFINED_BY_NODE) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the graph has no output '%.80s': its first is '%.80s'", text,
                       graph->definition[graph->result[0]].name);
    }
    graph->result[0] = id;
    return sp_onnx_graph_keep(err, graph, 0);
}

/* The output that is computed from the others, unless one of them has as many numbers: then either
 * may be meant. */
static sp_status read_last(sp_onnx_reader *r, sp_model *model, sp_onnx_graph *graph, size_t last,
                           const sp_model_choice *choice) {
    const size_t outputs = graph->results;
    size_t *id = calloc(outputs, sizeof *id);
    if (!id) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for the outputs of the graph");
    }
    memcpy(id, graph->result, outputs * sizeof *id);
    sp_status status = sp_onnx_graph_keep(r->err, graph, last);
    sp_net_clear(&model->net);
    status = status == SP_OK ? read_net(r, model, &model->reference->logits, choice) : status;
    for (size_t i = 0; status == SP_OK && i < outputs; i++) {
        const sp_onnx_value *value =
            i == last ? NULL : r->root_value[sp_onnx_graph_moved(graph, id[i])];
        if (value && value->kind == SP_ONNX_VALUE_SEQUENCE &&
            value->sequence.width == model->net.classes) {
            status =
                sp_fail(r->err, SP_E_UNSUPPORTED,
                        "the graph has %zu outputs, and '%.80s' may be the logits as well as "
                        "'%.80s': choose by --output",
                        outputs, graph->definition[id[i]].name, graph->definition[id[last]].name);
        }
    }
    free(id);
    return status;
}

/* All outputs, where they are the same logits; else the one that no other is computed from. */
static sp_status read_outputs(sp_error *err, sp_onnx_reader *r, sp_model *model,
                              sp_onnx_graph *graph, const sp_model_choice *choice) {
    sp_onnx_defined *logits = &model->reference->logits;
    size_t last = SP_ONNX_NO_NAME;
    SP_TRY(choice->output ? choose_output(err, graph, choice->output, &r->chosen) : SP_OK);
    sp_error why = {0};
    r->err = graph->results > 1 ? &why : err;
    const sp_status status = read_net(r, model, logits, choice);
    r->err = err;
    if (status == SP_OK || graph->results == 1) {
        return status;
    }
    SP_TRY(sp_onnx_graph_last(err, graph, &last));
    if (last == SP_ONNX_NO_NAME) {
        return sp_fail(err, why.code, "%s", why.text);
    }
    return read_last(r, model, graph, last, choice);
}

static size_t count_parameters(const sp_net *net) {
    size_t count = 0;
    for (size_t n = 0; n < net->nodes; n++) {
        count += sp_node_parameters(&net->node[n]);
    }
    return count;
}

/* ---- the whole ---- */

static sp_status read_graph(sp_error *err, sp_model *model, sp_onnx_reference *reference,
                            const sp_model_choice *choice) {
    SP_TRY(sp_onnx_graph_init(err, &reference->graph, reference->proto->graph));
    SP_TRY(sp_onnx_roles_find(err, &reference->graph, choice));
    SP_TRY(sp_onnx_roles_describe(err, &model->inputs, &reference->graph));
    const Onnx__ValueInfoProto *input = reference->graph.features;
    SP_TRY(sp_onnx_input_check(err, reference->graph.proto, input));
    SP_TRY(copy_text(err, &model->input_name, input->name));
    SP_TRY(sp_onnx_input_describe(err, &model->input_shape, input->type->tensor_type->shape));
    sp_onnx_reader r = {0};
    sp_status status =
        sp_onnx_reader_init(&r, err, &reference->graph, reference->opset, reference->budget);
    status = status == SP_OK ? read_outputs(err, &r, model, &reference->graph, choice) : status;
    reference->steps_axis = r.steps_axis;
    reference->batch = r.batch;
    reference->head = r.head;
    model->log_softmax = r.head == SP_ONNX_HEAD_LOG_SOFTMAX;
    reference->chosen = r.chosen;
    sp_onnx_reader_clear(&r);
    model->parameters = count_parameters(&model->net);
    return status;
}

static sp_status read_model(sp_error *err, sp_model *model, sp_onnx_reference *reference,
                            const sp_model_choice *choice) {
    const Onnx__ModelProto *proto = reference->proto;
    if (!proto->graph) {
        return sp_fail(err, SP_E_FORMAT, "not an ONNX model, or a damaged one: it holds no graph");
    }
    if (proto->n_functions > 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the model defines functions of its own: export it with functions inlined");
    }
    SP_TRY(read_opset(err, &reference->opset, proto));
    model->opset = reference->opset;
    SP_TRY(read_entry(err, &model->front, "soundproof.front", proto));
    SP_TRY(read_entry(err, &model->training, "soundproof.training", proto));
    SP_TRY(read_entry(err, &model->names, "soundproof.names", proto));
    SP_TRY(read_producer(err, &model->producer, proto));
    SP_TRY(read_graph(err, model, reference, choice));
    return sp_model_check(err, model);
}

/* The messages, with all their numbers, and the checksum of what was read. */
static sp_status decode(sp_error *err, sp_model *model, const void *data, size_t size,
                        const char *path) {
    sp_onnx_reference *reference = model->reference;
    sp_digest *digest = sp_digest_create();
    size_t beside = 0;
    sp_digest_add(digest, data, size);
    sp_status status = sp_onnx_decode(err, &reference->proto, data, size);
    status = status == SP_OK ? sp_onnx_external_load(err, &beside, digest, reference->proto, path)
                             : status;
    reference->budget = ((size_t)64 << 20) + 24 * (size + beside);
    const sp_status finished = sp_digest_finish(digest, model->digest);
    return status != SP_OK ? status : finished;
}

static sp_status parse(sp_error *err, sp_model *model, const void *data, size_t size,
                       const char *name, const char *path, const sp_model_choice *choice) {
    static const sp_model_choice none = {.steps_axis = SP_MODEL_AXIS_BY_FILE};
    *model = (sp_model){.reference = calloc(1, sizeof *model->reference)};
    sp_status status = model->reference ? decode(err, model, data, size, path)
                                        : sp_fail(err, SP_E_MEMORY, "no memory for the model");
    status = status == SP_OK ? read_model(err, model, model->reference, choice ? choice : &none)
                             : status;
    if (status != SP_OK) {
        sp_model_clear(model);
        sp_error_in(err, name);
    }
    return status;
}

sp_status sp_model_parse(sp_error *err, sp_model *model, const void *data, size_t size,
                         const char *name) {
    return parse(err, model, data, size, name, NULL, NULL);
}

sp_status sp_model_open(sp_error *err, sp_model *model, const char *path,
                        const sp_model_choice *choice) {
    char *data = NULL;
    size_t size = 0;
    *model = (sp_model){0};
    SP_TRY(sp_file_read(err, &data, &size, path, largest_file));
    const sp_status status = parse(err, model, data, size, path, path, choice);
    free(data);
    return status;
}

sp_status sp_model_read(sp_error *err, sp_model *model, const char *path) {
    return sp_model_open(err, model, path, NULL);
}
