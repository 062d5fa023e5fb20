/* Front ends by the names that libraries have for them. */
#include "preprocess/impl.h"
sp_status sp_preset_read(sp_error *err, sp_description *d, const char *name,
                         const sp_json *parameters) {
    (void)d;
    (void)parameters;
    return sp_fail(err, SP_E_UNSUPPORTED, "preset \"%s\"", name);
}
