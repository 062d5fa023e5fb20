/* ONNX files: the public face, and what a file says about itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "onnx/impl.h"

static const size_t largest_file = (size_t)1 << 30;

void sp_model_clear(sp_model *model) {
    sp_net_clear(&model->net);
    free(model->front);
    free(model->training);
    free(model->names);
    free(model->producer);
    free(model->input_name);
    free(model->input_shape);
    sp_onnx_reference_destroy(model->reference);
    *model = (sp_model){0};
}

/* ---- what the file says about itself ---- */

static sp_status copy_text(sp_error *err, char **copy, const char *text) {
    *copy = strdup(text ? text : "");
    return *copy ? SP_OK : sp_fail(err, SP_E_MEMORY, "no memory for a text of the file");
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

/* Tries every guess; when all fail, the error of the one that understood most of the graph
 * remains. */
static sp_status read_net(sp_onnx_reader *r, sp_net *net, size_t *logits) {
    const Onnx__TensorShapeProto *shape = r->root->features->type->tensor_type->shape;
    sp_onnx_guess guess[SP_ONNX_MOST_GUESSES];
    const size_t count = sp_onnx_input_guesses(guess, r->root->proto, shape);
    sp_error *err = r->err, best = {0}, why = {0};
    size_t furthest = 0;
    sp_status status = SP_OK;
    r->err = &why;
    for (size_t i = 0; i < count; i++) {
        const sp_onnx_sequence *result = NULL;
        r->steps_axis = guess[i].axis;
        r->steps = guess[i].steps;
        status = sp_onnx_interpret(r, &result);
        if (status == SP_OK) {
            r->err = err;
            sp_onnx_sequence logits_of = *result;
            sp_onnx_source last;
            logits_of.head = SP_ONNX_HEAD_NONE;
            SP_TRY(sp_onnx_sequence_settle(r, &logits_of, &last));
            SP_TRY(sp_onnx_layers_to_net(r, net, last));
            mark_head(net, result->head);
            *logits = result->head == SP_ONNX_HEAD_NONE ? r->root->result[0] : result->logits;
            return SP_OK;
        }
        if (i == 0 || r->furthest > furthest || (r->furthest == furthest && r->wants_length)) {
            furthest = r->furthest;
            best = why;
        }
    }
    r->err = err;
    if (count == 0) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "two axes of the input have a fixed length above 1: export the model with batch "
            "size 1");
    }
    return sp_fail(err, best.code, "%s", best.text);
}

static size_t count_parameters(const sp_net *net) {
    size_t count = 0;
    for (size_t n = 0; n < net->nodes; n++) {
        count += sp_node_parameters(&net->node[n]);
    }
    return count;
}

/* ---- the whole ---- */

static sp_status read_graph(sp_error *err, sp_model *model, sp_onnx_reference *reference) {
    SP_TRY(sp_onnx_graph_init(err, &reference->graph, reference->proto->graph));
    const Onnx__ValueInfoProto *input = reference->graph.features;
    SP_TRY(sp_onnx_input_check(err, input));
    SP_TRY(copy_text(err, &model->input_name, input->name));
    SP_TRY(sp_onnx_input_describe(err, &model->input_shape, input->type->tensor_type->shape));
    sp_onnx_reader r = {0};
    sp_status status =
        sp_onnx_reader_init(&r, err, &reference->graph, reference->opset, reference->budget);
    status = status == SP_OK ? read_net(&r, &model->net, &reference->logits) : status;
    reference->steps_axis = r.steps_axis;
    sp_onnx_reader_clear(&r);
    model->parameters = count_parameters(&model->net);
    return status;
}

static sp_status read_model(sp_error *err, sp_model *model, sp_onnx_reference *reference) {
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
    SP_TRY(read_graph(err, model, reference));
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
                       const char *name, const char *path) {
    *model = (sp_model){.reference = calloc(1, sizeof *model->reference)};
    sp_status status = model->reference ? decode(err, model, data, size, path)
                                        : sp_fail(err, SP_E_MEMORY, "no memory for the model");
    status = status == SP_OK ? read_model(err, model, model->reference) : status;
    if (status != SP_OK) {
        sp_model_clear(model);
        sp_error_in(err, name);
    }
    return status;
}

sp_status sp_model_parse(sp_error *err, sp_model *model, const void *data, size_t size,
                         const char *name) {
    return parse(err, model, data, size, name, NULL);
}

sp_status sp_model_read(sp_error *err, sp_model *model, const char *path) {
    char *data = NULL;
    size_t size = 0;
    *model = (sp_model){0};
    SP_TRY(sp_file_read(err, &data, &size, path, largest_file));
    const sp_status status = parse(err, model, data, size, path, path);
    free(data);
    return status;
}
