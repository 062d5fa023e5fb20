/* The CUDA driver lives in a library of its own, so that the program runs where CUDA is not: it is
 * loaded when it is asked for. Looked for beside the program or library, then where the system
 * looks. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "gpu/impl.h"

#define LIBRARY "libsoundproof-cuda.so." SP_VERSION

static const sp_gpu_driver *cuda;

/* One line of what the loader says, without the name of the library in front. */
static sp_status fail(sp_error *err, const char *why) {
    const char *known = why != NULL && strstr(why, LIBRARY ": ") == why ? why + strlen(LIBRARY) + 2
                        : why != NULL                                   ? why
                                                                        : "unknown reason";
    return sp_fail(err, SP_E_UNSUPPORTED,
                   "the CUDA backend, %s, cannot be loaded: %s; make builds it when it finds nvcc",
                   LIBRARY, known);
}

static sp_status load(sp_error *err) {
    if (cuda != NULL) {
        return SP_OK;
    }
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return fail(err, dlerror());
    }
    const sp_gpu_driver *found = dlsym(library, "sp_gpu_cuda_plugin");
    if (found == NULL || found->layout != sp_gpu_layout()) {
        const sp_status status = fail(err, "it belongs to another build");
        dlclose(library);
        return status;
    }
    cuda = found;
    return SP_OK;
}

static const char *name(void) {
    return cuda != NULL ? cuda->name() : "cuda";
}

static sp_status begin(sp_error *err, void **memory, size_t *bytes) {
    SP_TRY(load(err));
    return cuda->begin(err, memory, bytes);
}

static void end(void *memory) {
    cuda->end(memory);
}

static sp_status open_stream(sp_error *err, void **stream) {
    return cuda->open(err, stream);
}

static void close_stream(void *stream) {
    cuda->close(stream);
}

static void write_bytes(void *stream, void *to, const void *from, size_t bytes) {
    cuda->write(stream, to, from, bytes);
}

static void read_bytes(void *stream, void *to, const void *from, size_t bytes) {
    cuda->read(stream, to, from, bytes);
}

static sp_status sync_stream(sp_error *err, void *stream) {
    return cuda->sync(err, stream);
}

static void launch(void *stream, sp_gpu_op op, size_t blocks, const void *args) {
    cuda->launch(stream, op, blocks, args);
}

static void multiply(void *stream, const sp_gpu_multiply_args *args) {
    cuda->multiply(stream, args);
}

static void multiply_single(void *stream, const sp_gpu_multiply_single_args *args) {
    cuda->multiply_single(stream, args);
}

const sp_gpu_driver sp_gpu_cuda_driver = {0,           name,         begin,       end,
                                          open_stream, close_stream, write_bytes, read_bytes,
                                          sync_stream, launch,       multiply,    multiply_single};
