// Nodes of one network in another, where others stand at other places.
#include <stdlib.h>

#include "net/net.h"

sp_status sp_net_append_moved(sp_error *err, sp_net *net, const sp_node *node, const size_t *place,
                              size_t *to) {
    const size_t terms = node->kind == SP_NODE_AFFINE ? node->terms : 0;
    sp_node moved = *node;
    moved.term = calloc(terms + 1, sizeof *moved.term);
    if (moved.term == NULL) {
        return sp_fail(err, SP_E_MEMORY, "no memory for a network");
    }
    for (size_t i = 0; i < terms; i++) {
        moved.term[i] = node->term[i];
        moved.term[i].input = place[node->term[i].input];
    }
    moved.input = place[node->input];
    const sp_status status = sp_net_append(err, net, &moved, to);
    free(moved.term);
    return status;
}

void sp_net_answer_as(sp_net *net, const sp_net *like) {
    net->sigmoid = like->sigmoid;
    net->softmax = like->softmax;
    net->every = like->every;
    net->hop = like->hop;
}
