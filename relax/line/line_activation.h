/* Ranges and lines of the functions of one variable, by their rows in curve_list.h. Host and
 * device. */
#ifndef SP_RELAX_LINE_ACTIVATION_H
#define SP_RELAX_LINE_ACTIVATION_H

#include "relax/line/line_shape.h"

/* Ranges and lines of the rows of SP_SHAPE_LIST. */
#define SP_SHAPE_ROW(name)                                                                         \
    SP_HD sp_iv sp_curve_##name##_range(sp_activation f, sp_iv x) {                                \
        return sp_shape_range(f, sp_curve_##name##_shape(f, x), x);                                \
    }                                                                                              \
    SP_HD sp_line_pair sp_curve_##name##_lines(sp_activation f, sp_iv x, double m) {               \
        return sp_shape_lines(f, sp_curve_##name##_shape(f, x), x, m);                             \
    }
SP_SHAPE_LIST(SP_SHAPE_ROW)
#undef SP_SHAPE_ROW

SP_HD sp_iv sp_range_activation(sp_activation f, sp_iv x) {
    if (!sp_relax_finite(x)) {
        return sp_relax_unknown();
    }
    switch (f.kind) {
#define SP_CURVE_CASE(KIND, name, parameters, least, first)                                        \
    case SP_ACTIVATION_##KIND:                                                                     \
        return sp_curve_##name##_range(f, x);
        SP_ACTIVATION_LIST(SP_CURVE_CASE)
#undef SP_CURVE_CASE
    }
    return sp_relax_unknown();
}

/** sp_line_activation - lines at m, which is clamped into x; NaN becomes the middle. */
SP_HD sp_line_pair sp_line_activation(sp_activation f, sp_iv x, double m) {
    const double at = m == m ? sp_relax_clamp(m, x.lo, x.hi) : sp_relax_middle(x);
    if (!sp_relax_usable(x)) {
        return sp_line_constant(sp_range_activation(f, x));
    }
    switch (f.kind) {
#define SP_CURVE_CASE(KIND, name, parameters, least, first)                                        \
    case SP_ACTIVATION_##KIND:                                                                     \
        return sp_curve_##name##_lines(f, x, at);
        SP_ACTIVATION_LIST(SP_CURVE_CASE)
#undef SP_CURVE_CASE
    }
    return sp_line_unknown();
}

/** sp_line_first_middle - no lines of its own: those in the middle. */
SP_HD bool sp_line_first_middle(sp_activation f, sp_iv x, sp_line_pair *lines) {
    (void)f;
    (void)x;
    (void)lines;
    return false;
}

/** sp_line_first - the function's own choice for the first lines of a menu, if it has one. */
SP_HD bool sp_line_first(sp_activation f, sp_iv x, sp_line_pair *lines) {
    switch (f.kind) {
#define SP_CURVE_CASE(KIND, name, parameters, least, first)                                        \
    case SP_ACTIVATION_##KIND:                                                                     \
        return sp_line_first_##first(f, x, lines);
        SP_ACTIVATION_LIST(SP_CURVE_CASE)
#undef SP_CURVE_CASE
    }
    return false;
}

/** sp_line_spread - pair k of a menu: 0 is the function's own choice or stands in the middle, 1 and
 *  2 stand a third of the width to either side, 3 stands in the middle. */
SP_HD sp_line_pair sp_line_spread(sp_activation f, sp_iv x, size_t k) {
    const double middle = 0.5 * x.lo + 0.5 * x.hi, reach = (x.hi - x.lo) / 3.0;
    sp_line_pair own = {{0.0, 0.0}, {0.0, 0.0}};
    if (k == 0 && sp_line_first(f, x, &own)) {
        return own;
    }
    const double at = k == 1 ? middle - reach : k == 2 ? middle + reach : middle;
    return sp_line_activation(f, x, at);
}

#endif
