#include "certify/certify.h"

#include <string.h>

static const sp_method methods[] = {
    {"ibp", "intervals through every stage and layer; fastest and loosest", SP_FRONT_INTERVAL,
     SP_PLANES_INTERVAL},
    {"r2-lp", "R2's front end and its sampled LP planes, as published (CAV 2021)", SP_FRONT_R2,
     SP_PLANES_R2_LP},
    {"exact", "joint front end, exact supporting planes at static anchors", SP_FRONT_JOINT,
     SP_PLANES_STATIC},
};

const sp_method *sp_methods(size_t *count) {
    *count = sizeof methods / sizeof methods[0];
    return methods;
}

const sp_method *sp_method_find(const char *name) {
    for (size_t i = 0; name && i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}
