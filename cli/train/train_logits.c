/* One logit of two. */
#include "cli/train/train_options.h"

sp_status cli_train_join_logits(sp_error *err, sp_net *one, const sp_net *net) {
    SP_TRY(sp_net_copy(err, one, net));
    sp_node *last = &one->node[one->nodes - 1];
    double *w = last->term[0].weight;
    for (size_t j = 0; j < last->term[0].in; j++) {
        w[j] = (double)(float)(w[last->term[0].in + j] - w[j]);
    }
    last->bias[0] = (double)(float)(last->bias[1] - last->bias[0]);
    last->width = one->classes = 1;
    return SP_OK;
}
