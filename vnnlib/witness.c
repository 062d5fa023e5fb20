/* Assignments: whether they meet a query, and how they are written. */
#include "vnnlib/impl.h"

static bool meets(const sp_vnnlib *query, const sp_vnnlib_constraint *c, const double *input,
                  const double *output) {
    const size_t n = query->input.size;
    double sum = 0.0;
    for (size_t i = 0; i < c->terms; i++) {
        const size_t v = c->term[i].variable;
        sum += c->term[i].coefficient * (v < n ? input[v] : output[v - n]);
    }
    return c->strict ? sum < c->bound : sum <= c->bound;
}

static bool meets_all(const sp_vnnlib *query, const sp_vnnlib_cube *cube, const double *input,
                      const double *output) {
    bool all = true;
    for (size_t i = 0; i < cube->constraints; i++) {
        all = all && meets(query, &query->constraint[cube->constraint[i]], input, output);
    }
    return all;
}

bool sp_vnnlib_holds(const sp_vnnlib *query, const double *input, const double *output) {
    bool any = false;
    for (size_t i = 0; i < query->cubes && !any; i++) {
        any = meets_all(query, &query->cube[i], input, output);
    }
    return any && meets_all(query, &query->common, input, output);
}

void sp_vnnlib_variable(char *text, size_t size, const sp_vnnlib *query, size_t variable) {
    const bool output = variable >= query->input.size;
    const sp_vnnlib_tensor *tensor = output ? &query->output : &query->input;
    size_t place = output ? variable - query->input.size : variable, used = 0;
    if (query->version == 1) {
        snprintf(text, size, "%s_%zu", tensor->name, place);
        return;
    }
    used = (size_t)snprintf(text, size, "%s", tensor->name);
    size_t behind = tensor->size;
    for (size_t i = 0; i < tensor->axes && used < size; i++) {
        behind /= tensor->axis[i];
        used += (size_t)snprintf(text + used, size - used, "%s%zu%s", i == 0 ? "[" : ",",
                                 place / behind, i + 1 == tensor->axes ? "]" : "");
        place %= behind;
    }
}

static void write_numbers(FILE *to, const sp_vnnlib *query, const double *value, size_t count,
                          size_t first) {
    for (size_t i = 0; i < count; i++) {
        char name[SP_VNNLIB_NAME + 64];
        sp_vnnlib_variable(name, sizeof name, query, first + i);
        fprintf(to, "%s(%s %.17g)%s", first + i == 0 ? "(" : "", name, value[i],
                first + i + 1 == query->input.size + query->output.size ? ")\n" : "\n");
    }
}

static void write_tensor(FILE *to, const sp_vnnlib_tensor *tensor, const double *value) {
    fprintf(to, "%s %s [", tensor->name, tensor->type_name);
    for (size_t i = 0; i < tensor->axes; i++) {
        fprintf(to, "%s%zu", i > 0 ? "," : "", tensor->axis[i]);
    }
    fprintf(to, "]\n");
    for (size_t i = 0; i < tensor->size; i++) {
        fprintf(to, "%.17g\n", value[i]);
    }
}

void sp_vnnlib_witness(FILE *to, const sp_vnnlib *query, const double *input,
                       const double *output) {
    if (query->version == 1) {
        write_numbers(to, query, input, query->input.size, 0);
        write_numbers(to, query, output, query->output.size, query->input.size);
    } else {
        write_tensor(to, &query->input, input);
        write_tensor(to, &query->output, output);
    }
}
