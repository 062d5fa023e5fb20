/* Parallel work whose results are printed in order. */
#include "cli/impl.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/pool.h"
#include "base/progress.h"

typedef struct batch {
    cli_step work, emit;
    void *context;
    size_t count, next; /* next: the first index that was not emitted */
    bool *done;         /* [count] */
    pthread_mutex_t lock;
} batch;

static void run_one(void *context, size_t index) {
    batch *b = context;
    b->work(b->context, index);
    pthread_mutex_lock(&b->lock);
    b->done[index] = true;
    while (b->next < b->count && b->done[b->next]) {
        sp_progress_clear();
        b->emit(b->context, b->next++);
        fflush(stdout);
    }
    pthread_mutex_unlock(&b->lock);
    sp_progress_step();
}

bool cli_batch_run(const char *what, size_t count, cli_step work, cli_step emit, void *context) {
    batch b = {work,
               emit,
               context,
               count,
               0,
               calloc(count ? count : 1, sizeof(bool)),
               PTHREAD_MUTEX_INITIALIZER};
    if (!b.done) {
        return false;
    }
    sp_progress_begin(what, count);
    sp_pool_run(count, 0, run_one, &b);
    sp_progress_end();
    pthread_mutex_destroy(&b.lock);
    free(b.done);
    return true;
}
