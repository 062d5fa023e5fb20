/* Attributes of a node: known ones read, others refused by name. */
#include <string.h>

#include "onnx/impl.h"

const Onnx__AttributeProto *sp_onnx_attribute(const Onnx__NodeProto *node, const char *name) {
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0) {
            return node->attribute[i];
        }
    }
    return NULL;
}

static bool is_listed(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = list; *at != '\0';) {
        const size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, name, length) == 0) {
            return true;
        }
        at += word + (at[word] == ' ');
    }
    return false;
}

const char *sp_onnx_attribute_unknown(const Onnx__NodeProto *node, const char *known) {
    for (size_t i = 0; i < node->n_attribute; i++) {
        const char *name = node->attribute[i]->name ? node->attribute[i]->name : "";
        if (!is_listed(known, name)) {
            return name;
        }
    }
    return NULL;
}

sp_status sp_onnx_attributes_check(sp_onnx_reader *r, const char *known) {
    if (r->node->n_attribute > SP_ONNX_MAX_ATTRIBUTES) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has %zu attributes", r->node->n_attribute);
    }
    for (size_t i = 0; i < r->node->n_attribute; i++) {
        const Onnx__AttributeProto *a = r->node->attribute[i];
        const char *name = a->name ? a->name : "";
        if (!is_listed(known, name)) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "attribute '%.60s' is not supported", name);
        }
        if (a->ref_attr_name && a->ref_attr_name[0] != '\0') {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "attribute '%.60s' refers to one of a function", name);
        }
        if (sp_onnx_attribute(r->node, name) != a) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "attribute '%.60s' is given twice", name);
        }
    }
    return SP_OK;
}

/* Whether the attribute has this type; files without types are told by the field that is there. */
static bool has_type(const Onnx__AttributeProto *a, Onnx__AttributeProto__AttributeType type,
                     bool field) {
    return a->has_type && a->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED
               ? a->type == type
               : field;
}

static sp_status wrong_type(sp_onnx_reader *r, const char *name, const char *type) {
    return sp_onnx_refuse(r, SP_E_FORMAT, "attribute '%s' is not %s", name, type);
}

sp_status sp_onnx_attribute_int(sp_onnx_reader *r, int64_t *value, const char *name,
                                int64_t otherwise) {
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, name);
    *value = otherwise;
    if (a) {
        if (!has_type(a, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, a->has_i)) {
            return wrong_type(r, name, "a whole number");
        }
        *value = a->has_i ? a->i : 0;
    }
    return SP_OK;
}

sp_status sp_onnx_attribute_float(sp_onnx_reader *r, double *value, const char *name,
                                  double otherwise) {
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, name);
    *value = otherwise;
    if (a) {
        if (!has_type(a, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, a->has_f)) {
            return wrong_type(r, name, "a number");
        }
        *value = a->has_f ? (double)a->f : 0.0;
    }
    return SP_OK;
}

sp_status sp_onnx_attribute_wholes(sp_onnx_reader *r, const sp_onnx_dim **values, size_t *count,
                                   const char *name) {
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, name);
    *values = NULL;
    *count = 0;
    if (!a) {
        return SP_OK;
    }
    if (!has_type(a, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, a->n_ints > 0)) {
        return wrong_type(r, name, "a list of whole numbers");
    }
    sp_onnx_dim *list = sp_region_take(&r->region, a->n_ints + 1, sizeof *list);
    if (!list) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < a->n_ints; i++) {
        list[i] = sp_onnx_dim_of(a->ints[i]);
    }
    *values = list;
    *count = a->n_ints;
    return SP_OK;
}

sp_status sp_onnx_operand_wholes(sp_onnx_reader *r, const sp_onnx_dim **values, size_t *count,
                                 const char *name, size_t i, long since) {
    const bool attribute = sp_onnx_attribute(r->node, name) != NULL;
    if (r->opset < since) {
        if (sp_onnx_input(r, i)) {
            return sp_onnx_refuse(r, SP_E_FORMAT,
                                  "input '%s' came with opset %ld, the file has %ld", name, since,
                                  r->opset);
        }
        return sp_onnx_attribute_wholes(r, values, count, name);
    }
    if (attribute) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "attribute '%s' is an input since opset %ld", name,
                              since);
    }
    *values = NULL;
    *count = 0;
    return sp_onnx_input(r, i) ? sp_onnx_input_wholes(r, values, count, i, name) : SP_OK;
}
