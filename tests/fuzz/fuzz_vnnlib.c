/* libFuzzer harness of the reader of queries: whatever is accepted can be asked about. */
#include <stdint.h>
#include <stdlib.h>

#include "vnnlib/vnnlib.h"

enum { MOST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static double zeros[2 * MOST];
    sp_vnnlib query;
    sp_error err = {0};
    if (sp_vnnlib_parse(&err, &query, (const char *)data, size, "fuzz") == SP_OK) {
        char name[SP_VNNLIB_NAME + 64];
        for (size_t k = 0; k < query.parts; k++) {
            for (size_t i = 0; i < query.input.size; i++) {
                if (!(query.part[k].lo[i] <= query.part[k].hi[i])) {
                    abort(); // a box without an input
                }
            }
        }
        if (query.input.size <= MOST && query.output.size <= MOST) {
            (void)sp_vnnlib_holds(&query, zeros, zeros);
        }
        sp_vnnlib_variable(name, sizeof name, &query, query.input.size);
        sp_vnnlib_clear(&query);
    } else if (err.code == SP_OK || err.text[0] == '\0') {
        abort(); // refused without a reason
    }
    return 0;
}
