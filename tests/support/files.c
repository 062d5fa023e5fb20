#include "tests/support/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

void sp_bytes_add(sp_bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->room) {
        const size_t room = 2 * (bytes->size + size);
        unsigned char *grown = realloc(bytes->data, room);
        if (!grown) {
            abort();
        }
        bytes->data = grown;
        bytes->room = room;
    }
    if (size > 0) {
        memcpy(bytes->data + bytes->size, data, size);
    }
    bytes->size += size;
}

void sp_bytes_clear(sp_bytes *bytes) {
    free(bytes->data);
    *bytes = (sp_bytes){NULL, 0, 0};
}

const char *sp_file_write(const char *name, char *path, size_t size, const void *data,
                          size_t length) {
    sp_test_scratch(name, path, size);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, length, file) != length || fclose(file) != 0) {
        fprintf(stderr, "cannot write %s\n", path);
        abort();
    }
    return path;
}

const char *sp_file_write_text(const char *name, char *path, size_t size, const char *text) {
    return sp_file_write(name, path, size, text, strlen(text));
}

char *sp_file_text(const char *path) {
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
        rewind(file);
    }
    char *text = size >= 0 ? calloc((size_t)size + 1, 1) : NULL;
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "cannot read %s\n", path);
        abort();
    }
    fclose(file);
    return text;
}

/* ---- wav ---- */

static void add_little(sp_bytes *bytes, uint32_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)(value >> (8 * i));
        sp_bytes_add(bytes, &byte, 1);
    }
}

sp_bytes sp_wav_bytes(const int16_t *samples, size_t frames, int channels, int rate) {
    sp_bytes bytes = {NULL, 0, 0};
    const uint32_t width = 2 * (uint32_t)channels, length = width * (uint32_t)frames;
    sp_bytes_add(&bytes, "RIFF", 4);
    add_little(&bytes, 36 + length, 4);
    sp_bytes_add(&bytes, "WAVEfmt ", 8);
    add_little(&bytes, 16, 4);
    add_little(&bytes, 1, 2); // PCM
    add_little(&bytes, (uint32_t)channels, 2);
    add_little(&bytes, (uint32_t)rate, 4);
    add_little(&bytes, (uint32_t)rate * width, 4);
    add_little(&bytes, width, 2);
    add_little(&bytes, 16, 2);
    sp_bytes_add(&bytes, "data", 4);
    add_little(&bytes, length, 4);
    for (size_t i = 0; i < frames * (size_t)channels; i++) {
        add_little(&bytes, (uint16_t)samples[i], 2);
    }
    return bytes;
}

/* ---- ONNX: protocol buffers by hand, field numbers from onnx.proto ---- */

static void add_varint(sp_bytes *bytes, uint64_t value) {
    do {
        const unsigned char byte = (unsigned char)((value & 127) | (value > 127 ? 128 : 0));
        sp_bytes_add(bytes, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void add_number(sp_bytes *bytes, int field, uint64_t value) {
    add_varint(bytes, (uint64_t)field << 3);
    add_varint(bytes, value);
}

static void add_block(sp_bytes *bytes, int field, const void *data, size_t size) {
    add_varint(bytes, (uint64_t)field << 3 | 2);
    add_varint(bytes, size);
    sp_bytes_add(bytes, data, size);
}

static void add_text(sp_bytes *bytes, int field, const char *text) {
    add_block(bytes, field, text, strlen(text));
}

/* Adds a message and frees it. */
static void add_message(sp_bytes *bytes, int field, sp_bytes message) {
    add_block(bytes, field, message.data, message.size);
    sp_bytes_clear(&message);
}

/* TensorProto of float32 values. */
static sp_bytes make_floats(const char *name, const uint64_t *dims, size_t rank,
                            const float *values, size_t bytes_kept) {
    sp_bytes tensor = {NULL, 0, 0};
    for (size_t i = 0; i < rank; i++) {
        add_number(&tensor, 1, dims[i]);
    }
    add_number(&tensor, 2, 1); // FLOAT
    add_text(&tensor, 8, name);
    add_block(&tensor, 9, values, bytes_kept);
    return tensor;
}

static void add_weights(sp_bytes *graph, sp_rng *rng, const char *name, size_t rank, size_t d0,
                        size_t d1, size_t d2, double scale, const sp_test_onnx *spoil) {
    const uint64_t dims[3] = {d0, d1, d2};
    const size_t count = d0 * (rank > 1 ? d1 : 1) * (rank > 2 ? d2 : 1);
    float *values = malloc(count * sizeof *values);
    if (!values) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)sp_rng_uniform(rng, -scale, scale);
    }
    if (spoil && spoil->nan_weight) {
        values[count / 2] = NAN;
    }
    const size_t kept =
        spoil && spoil->short_weight ? count * sizeof *values - 4 : count * sizeof *values;
    add_message(graph, 5, make_floats(name, dims, rank, values, kept));
    free(values);
}

static sp_bytes make_attribute(const char *name, int type, int64_t value, const char *text) {
    sp_bytes attribute = {NULL, 0, 0};
    add_text(&attribute, 1, name);
    if (text) {
        add_text(&attribute, 4, text);
    } else {
        add_number(&attribute, 3, (uint64_t)value);
    }
    add_number(&attribute, 20, (uint64_t)type); // 2: int, 3: string
    return attribute;
}

static sp_bytes make_node(const char *operator_name, const char *const *inputs, const char *output,
                          const char *second_output) {
    sp_bytes node = {NULL, 0, 0};
    for (; *inputs; inputs++) {
        add_text(&node, 1, *inputs);
    }
    add_text(&node, 2, output);
    if (second_output) {
        add_text(&node, 2, second_output);
    }
    add_text(&node, 3, operator_name);
    add_text(&node, 4, operator_name);
    return node;
}

/* The features, steps in front. */
static void add_transpose(sp_bytes *graph) {
    static const char *const inputs[] = {"x", NULL};
    sp_bytes node = make_node("Transpose", inputs, "turned", NULL), perm = {NULL, 0, 0};
    add_text(&perm, 1, "perm");
    for (uint64_t i = 0; i < 3; i++) {
        add_number(&perm, 8, i < 2 ? 1 - i : i);
    }
    add_number(&perm, 20, 7); // ints
    add_message(&node, 5, perm);
    add_message(graph, 1, node);
}

static void add_lstm(sp_bytes *graph, const sp_test_onnx *shape) {
    const char *const inputs[] = {shape->turned ? "turned" : "x", "W", "R", "B", NULL};
    sp_bytes node = make_node("LSTM", inputs, "y", "h");
    add_message(&node, 5, make_attribute("hidden_size", 2, (int64_t)shape->hidden, NULL));
    if (shape->direction) {
        add_message(&node, 5, make_attribute("direction", 3, 0, shape->direction));
    }
    add_message(graph, 1, node);
}

/* The zero index as an initializer, for Gather. */
static void add_index(sp_bytes *graph) {
    const int64_t zero = 0;
    sp_bytes tensor = {NULL, 0, 0};
    add_number(&tensor, 2, 7); // INT64, no dimensions: a scalar
    add_text(&tensor, 8, "zero");
    add_block(&tensor, 9, &zero, sizeof zero);
    add_message(graph, 5, tensor);
}

static void add_readout(sp_bytes *graph, const sp_test_onnx *shape) {
    const char *const gather[] = {"h", "zero", NULL};
    const char *const gemm[] = {shape->unknown_input ? "nowhere" : "last", "V", "b", NULL};
    sp_bytes node = make_node("Gather", gather, "last", NULL);
    add_message(&node, 5, make_attribute("axis", 2, 0, NULL));
    add_message(graph, 1, node);
    node = make_node(shape->readout ? shape->readout : "Gemm", gemm,
                     shape->head ? "scores" : "logits", NULL);
    add_message(&node, 5, make_attribute("transB", 2, 1, NULL));
    add_message(graph, 1, node);
    if (shape->head) {
        const char *const scores[] = {"scores", NULL};
        add_message(graph, 1, make_node(shape->head, scores, "logits", NULL));
    }
}

/* ValueInfoProto of a float tensor; dimension 0 stands for a name. */
static sp_bytes make_value(const char *name, const uint64_t *dims, size_t rank) {
    sp_bytes shape = {NULL, 0, 0}, tensor = {NULL, 0, 0}, type = {NULL, 0, 0}, value = {NULL, 0, 0};
    for (size_t i = 0; i < rank; i++) {
        sp_bytes dim = {NULL, 0, 0};
        if (dims[i] > 0) {
            add_number(&dim, 1, dims[i]);
        } else {
            add_text(&dim, 2, "T");
        }
        add_message(&shape, 1, dim);
    }
    add_number(&tensor, 1, 1);
    add_message(&tensor, 2, shape);
    add_message(&type, 1, tensor);
    add_text(&value, 1, name);
    add_message(&value, 2, type);
    return value;
}

static sp_bytes make_graph(const sp_test_onnx *shape) {
    const size_t D = shape->features, H = shape->hidden, C = shape->classes;
    const uint64_t out[2] = {1, C};
    const uint64_t in[3] = {shape->turned ? 1 : shape->steps, shape->turned ? shape->steps : 1, D};
    sp_bytes graph = {NULL, 0, 0};
    sp_rng rng;
    sp_rng_init(&rng, shape->seed);
    if (shape->turned) {
        add_transpose(&graph);
    }
    add_lstm(&graph, shape);
    add_readout(&graph, shape);
    add_text(&graph, 2, "graph");
    add_weights(&graph, &rng, "W", 3, 1, 4 * H, D, 0.3, NULL);
    add_weights(&graph, &rng, "R", 3, 1, 4 * H, H, 0.3, shape);
    add_weights(&graph, &rng, "B", 2, 1, 8 * H, 1, 0.3, NULL);
    add_weights(&graph, &rng, "V", 2, C, H, 1, 2.0, NULL);
    add_weights(&graph, &rng, "b", 1, C, 1, 1, 0.3, NULL);
    add_index(&graph);
    add_message(&graph, 11, make_value("x", in, 3));
    add_message(&graph, 12, make_value("logits", out, 2));
    return graph;
}

sp_bytes sp_test_onnx_bytes(const sp_test_onnx *shape) {
    sp_bytes model = {NULL, 0, 0}, opset = {NULL, 0, 0};
    add_number(&model, 1, 8); // IR version
    add_text(&model, 2, "soundproof tests");
    add_message(&model, 7, make_graph(shape));
    add_number(&opset, 2, 17);
    add_message(&model, 8, opset);
    if (shape->front) {
        sp_bytes entry = {NULL, 0, 0};
        add_text(&entry, 1, "soundproof.front");
        add_text(&entry, 2, shape->front);
        add_message(&model, 14, entry);
    }
    if (shape->names) {
        sp_bytes entry = {NULL, 0, 0};
        add_text(&entry, 1, "soundproof.names");
        add_text(&entry, 2, shape->names);
        add_message(&model, 14, entry);
    }
    return model;
}
