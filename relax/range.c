/* Exported ranges; the mathematics is in range.h. */
#include "relax/range.h"

sp_iv sp_sigmoid_range(sp_iv x) {
    return sp_range_sigmoid(x);
}

sp_iv sp_tanh_range(sp_iv x) {
    return sp_range_tanh(x);
}

sp_iv sp_square_range(sp_iv x) {
    return sp_range_square(x);
}

sp_iv sp_log_range(sp_iv x) {
    return sp_range_log(x);
}

sp_iv sp_product_range(sp_product f, sp_box box) {
    return sp_range_product(f, box);
}
