/* The installed interface: why the calling thread's last failed call failed. */
#include "certify/api/impl.h"

static _Thread_local sp_error last_error;

sp_error *sp_api_error(void) {
    return &last_error;
}

void sp_api_begin(void) {
    last_error = (sp_error){0};
}

const char *soundproof_last_error(void) {
    return last_error.text;
}
