/* The pool: open sets of tasks form a stack, idle threads join the newest set that has room. A set
 * lives on the stack of its caller, which takes part and then waits for the threads that joined.
 * A waiting caller depends only on threads inside tasks of its own set, and those wait only for sets
 * opened later, so waiting never forms a cycle. */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct task_set {
    sp_task task;
    void *context;
    size_t count, width;
    atomic_size_t next;     // the number that is handed out next
    size_t members;         // threads inside, the caller included; under the lock
    struct task_set *below; // under the lock
} task_set;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t opened; // a set was opened, or the pool stops
    pthread_cond_t left;   // the last helper has left some set
    task_set *top;
    size_t idle;
    bool stopping;
    pthread_t *workers; // [threads - 1] owned
    int threads;        // 0: not started
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .opened = PTHREAD_COND_INITIALIZER,
          .left = PTHREAD_COND_INITIALIZER};

static bool exhausted(task_set *set) {
    return atomic_load_explicit(&set->next, memory_order_relaxed) >= set->count;
}

static void work_on(task_set *set) {
    for (;;) {
        const size_t index = atomic_fetch_add_explicit(&set->next, 1, memory_order_relaxed);
        if (index >= set->count) {
            return;
        }
        set->task(set->context, index);
    }
}

/* joinable - the newest open set with room for one thread more. Call under the lock. */
static task_set *joinable(void) {
    for (task_set *set = pool.top; set != NULL; set = set->below) {
        if (set->members < set->width && !exhausted(set)) {
            return set;
        }
    }
    return NULL;
}

static void *worker(void *unused) {
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    while (!pool.stopping) {
        task_set *set = joinable();
        if (set == NULL) {
            pool.idle++;
            pthread_cond_wait(&pool.opened, &pool.lock);
            pool.idle--;
            continue;
        }
        set->members++;
        pthread_mutex_unlock(&pool.lock);
        work_on(set);
        pthread_mutex_lock(&pool.lock);
        set->members--;
        if (set->members == 1) {
            pthread_cond_broadcast(&pool.left);
        }
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static void end_workers(int count) {
    pthread_mutex_lock(&pool.lock);
    pool.stopping = true;
    pthread_cond_broadcast(&pool.opened);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < count; i++) {
        pthread_join(pool.workers[i], NULL);
    }
    free(pool.workers);
    pool.workers = NULL;
    pool.stopping = false;
    pool.threads = 0;
}

/* start_workers - signals stay with the threads that the program knows. */
static int start_workers(int count) {
    sigset_t all, before;
    int made = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (made < count && pthread_create(&pool.workers[made], NULL, worker, NULL) == 0) {
        made++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return made;
}

sp_status sp_pool_start(int threads) {
    if (pool.threads != 0 || threads < 0) {
        return SP_E_ARGUMENT;
    }
    if (threads == 0) {
        const long online = sysconf(_SC_NPROCESSORS_ONLN);
        threads = online > 1 ? (int)online : 1;
    }
    const int count = threads - 1;
    pool.workers = calloc(count > 0 ? (size_t)count : 1, sizeof *pool.workers);
    if (pool.workers == NULL) {
        return SP_E_MEMORY;
    }
    pool.threads = threads;
    const int made = start_workers(count);
    if (made < count) {
        end_workers(made);
        return SP_E_THREAD;
    }
    return SP_OK;
}

void sp_pool_stop(void) {
    if (pool.threads != 0) {
        end_workers(pool.threads - 1);
    }
}

int sp_pool_threads(void) {
    return pool.threads > 0 ? pool.threads : 1;
}

/* open_set - makes the set visible and wakes as many threads as can be of use. */
static void open_set(task_set *set) {
    pthread_mutex_lock(&pool.lock);
    set->below = pool.top;
    pool.top = set;
    size_t wanted = (set->count < set->width ? set->count : set->width) - 1;
    for (size_t i = 0; i < wanted && i < pool.idle; i++) {
        pthread_cond_signal(&pool.opened);
    }
    pthread_mutex_unlock(&pool.lock);
}

/* close_set - nobody can join any more; waits for those inside. */
static void close_set(task_set *set) {
    pthread_mutex_lock(&pool.lock);
    task_set **at = &pool.top;
    while (*at != set) {
        at = &(*at)->below;
    }
    *at = set->below;
    while (set->members > 1) {
        pthread_cond_wait(&pool.left, &pool.lock);
    }
    pthread_mutex_unlock(&pool.lock);
}

void sp_pool_run(size_t count, size_t width, sp_task task, void *context) {
    const size_t threads = (size_t)sp_pool_threads();
    width = width == 0 || width > threads ? threads : width;
    if (count < 2 || width < 2) {
        for (size_t i = 0; i < count; i++) {
            task(context, i);
        }
        return;
    }
    task_set set = {task, context, count, width, 0, 1, NULL};
    open_set(&set);
    work_on(&set);
    close_set(&set);
}
