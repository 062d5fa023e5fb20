/* The selected backend, and queues on it. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gpu/impl.h"

static const sp_gpu_table *selected = &sp_gpu_cpu_table;
static size_t memory = SIZE_MAX;
static sp_gpu_profile *profile;

static const sp_gpu_table *const backends[] = {&sp_gpu_cpu_table, &sp_gpu_cuda_table,
                                               &sp_gpu_emulator_table};

static void deselect(void) {
    selected->end(selected->driver);
    selected = &sp_gpu_cpu_table;
    memory = SIZE_MAX;
}

static sp_status check_selected(sp_error *err) {
    sp_gpu *gpu = NULL;
    SP_TRY(sp_gpu_open(err, &gpu, false));
    const sp_status status = sp_gpu_check_queue(err, gpu);
    sp_gpu_close(gpu);
    return status;
}

static sp_status select_backend(sp_error *err, const sp_gpu_table *backend, size_t bytes) {
    size_t planned = bytes;
    deselect();
    SP_TRY(backend->begin(err, backend->driver, &planned));
    selected = backend;
    memory = planned;
    const sp_status status = backend->driver != NULL ? check_selected(err) : SP_OK;
    if (status != SP_OK) {
        deselect();
    }
    return status;
}

sp_status sp_gpu_select(sp_error *err, const char *id, size_t bytes) {
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (strcmp(backends[i]->id, id) == 0) {
            return select_backend(err, backends[i], bytes);
        }
    }
    return sp_fail(err, SP_E_ARGUMENT,
                   "there is no backend '%s'; the backends are cpu, cuda and emulator", id);
}

const char *sp_gpu_id(void) {
    return selected->id;
}

const char *sp_gpu_name(void) {
    return selected->name();
}

size_t sp_gpu_memory(void) {
    return memory;
}

sp_status sp_gpu_open(sp_error *err, sp_gpu **out, bool host) {
    sp_gpu *gpu = calloc(1, sizeof *gpu);
    *out = NULL;
    if (gpu == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a queue");
    }
    gpu->table = host ? &sp_gpu_cpu_table : selected;
    gpu->profile = profile;
    const sp_gpu_driver *driver = gpu->table->driver;
    const sp_status status = driver != NULL ? driver->open(err, &gpu->stream) : SP_OK;
    if (status != SP_OK) {
        free(gpu);
        return status;
    }
    *out = gpu;
    return SP_OK;
}

void sp_gpu_close(sp_gpu *gpu) {
    if (gpu != NULL) {
        if (gpu->table->driver != NULL) {
            gpu->table->driver->close(gpu->stream);
        }
        free(gpu);
    }
}

bool sp_gpu_is_host(const sp_gpu *gpu) {
    return gpu->table->driver == NULL;
}

void *sp_gpu_take(sp_gpu *gpu, size_t bytes) {
    return gpu->table->take(bytes);
}

void sp_gpu_release(sp_gpu *gpu, void *block) {
    if (block != NULL) {
        gpu->table->release(block);
    }
}

void sp_gpu_write(sp_gpu *gpu, void *to, const void *from, size_t bytes) {
    gpu->counts.written += bytes;
    gpu->table->write(gpu, to, from, bytes);
}

void sp_gpu_read(sp_gpu *gpu, void *to, const void *from, size_t bytes) {
    gpu->counts.read += bytes;
    gpu->table->read(gpu, to, from, bytes);
}

sp_status sp_gpu_sync(sp_error *err, sp_gpu *gpu) {
    const sp_gpu_driver *driver = gpu->table->driver;
    return driver != NULL ? driver->sync(err, gpu->stream) : SP_OK;
}

sp_gpu_counts sp_gpu_counted(const sp_gpu *gpu) {
    return gpu->counts;
}

void sp_gpu_profile_into(sp_gpu_profile *into) {
    profile = into;
}

const char *sp_gpu_op_name(size_t op) {
    static const char *const names[] = {
#define OP_NAME(name) #name,
        SP_GPU_OPS(OP_NAME)
#undef OP_NAME
            "multiply"};
    return names[op];
}

static double start_time(const sp_gpu *gpu) {
    return gpu->profile != NULL ? sp_clock_wall() : 0.0;
}

/* Where times are wanted: adds that of the operation which was begun at `start`, and its flops. */
static void add_time(sp_gpu *gpu, size_t op, double start, double flops) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (gpu->profile == NULL) {
        return;
    }
    const sp_status waited = sp_gpu_sync(NULL, gpu); // its failure stays with the queue
    const double seconds = sp_clock_wall() - start;
    (void)waited;
    pthread_mutex_lock(&lock);
    gpu->profile->seconds[op] += seconds;
    gpu->profile->calls[op]++;
    gpu->profile->flops += flops;
    pthread_mutex_unlock(&lock);
}

static double product_flops(size_t count, size_t m, size_t n, size_t k) {
    return 2.0 * (double)count * (double)m * (double)n * (double)k;
}

void sp_gpu_run(sp_gpu *gpu, sp_gpu_op op, const void *args) {
    const double start = start_time(gpu);
    gpu->table->run(gpu, op, args);
    add_time(gpu, op, start, 0.0);
}

void sp_gpu_multiply(sp_gpu *gpu, const sp_gpu_multiply_args *p) {
    if (p->m > 0 && p->n > 0 && p->count > 0) {
        const double start = start_time(gpu);
        gpu->table->multiply(gpu, p);
        add_time(gpu, SP_GPU_OP_COUNT, start, product_flops(p->count, p->m, p->n, p->k));
    }
}

void sp_gpu_multiply_single(sp_gpu *gpu, const sp_gpu_multiply_single_args *p) {
    if (p->m > 0 && p->n > 0 && p->count > 0) {
        const double start = start_time(gpu);
        gpu->table->multiply_single(gpu, p);
        add_time(gpu, SP_GPU_OP_COUNT, start, product_flops(p->count, p->m, p->n, p->k));
    }
}
