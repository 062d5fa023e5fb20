// Exported functions of line_activation.h, and what the rows of curve_list.h say.
#include "relax/line/line_activation.h"

const char *sp_activation_name(sp_activation_kind kind) {
    switch (kind) {
#define SP_CURVE_CASE(KIND, name, parameters, least, first)                                        \
    case SP_ACTIVATION_##KIND:                                                                     \
        return #name;
        SP_ACTIVATION_LIST(SP_CURVE_CASE)
#undef SP_CURVE_CASE
    }
    return NULL;
}

size_t sp_activation_parameters(sp_activation_kind kind) {
    switch (kind) {
#define SP_CURVE_CASE(KIND, name, parameters, least, first)                                        \
    case SP_ACTIVATION_##KIND:                                                                     \
        return parameters;
        SP_ACTIVATION_LIST(SP_CURVE_CASE)
#undef SP_CURVE_CASE
    }
    return 0;
}

double sp_activation_least(sp_activation_kind kind) {
    switch (kind) {
#define SP_CURVE_CASE(KIND, name, parameters, least, first)                                        \
    case SP_ACTIVATION_##KIND:                                                                     \
        return least;
        SP_ACTIVATION_LIST(SP_CURVE_CASE)
#undef SP_CURVE_CASE
    }
    return INFINITY;
}

double sp_activation_value(sp_activation f, double x) {
    return sp_curve_value_of(f, x);
}

sp_iv sp_activation_range(sp_activation f, sp_iv x) {
    return sp_range_activation(f, x);
}

sp_line_pair sp_activation_lines(sp_activation f, sp_iv x, double m) {
    return sp_line_activation(f, x, m);
}

sp_line sp_activation_tangent(sp_activation f, double x) {
    const double w = sp_curve_slope_of(f, x);
    return (sp_line){w, sp_curve_value_of(f, x) - w * x};
}
