/* Exported lines; the mathematics is in line_sigmoid.h and line_r2.h. */
#include "relax/line/line_sigmoid.h"
#include "relax/r2/line_r2.h"

sp_line_pair sp_sigmoid_lines(sp_iv x, double m) {
    return sp_curve_lines(SP_CURVE_SIGMOID, x, m);
}

sp_line_pair sp_tanh_lines(sp_iv x, double m) {
    return sp_curve_lines(SP_CURVE_TANH, x, m);
}

sp_line_pair sp_relu_lines(sp_iv x) {
    return sp_line_relu(x);
}

sp_line_pair sp_square_lines_r2(sp_iv x) {
    return sp_line_square(x);
}

sp_line_pair sp_log_lines_r2(sp_iv x) {
    return sp_line_log(x);
}
