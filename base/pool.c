/* The pool: open sets of tasks form a stack, idle threads join the newest set that has room. A set
 * lives on the stack of its caller, which takes part, and while it waits for the threads that
 * joined helps with sets that those have opened. No deadlock: a thread that waits for a set waits
 * for threads inside its tasks, and these can wait only for sets opened later. */
#include "base/pool.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct task_set {
    sp_pool_task task;
    void *context;
    size_t count, width;
    atomic_size_t next;     // the number that is handed out next
    size_t members;         // threads inside, the caller included; under the lock
    struct task_set *below; // under the lock
    struct task_set *from;  // the set whose task opened this one, or NULL
} task_set;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t opened;  // a set was opened, or the pool stops
    pthread_cond_t stirred; // for callers that wait: a set was left by all helpers, or opened
    task_set *top;
    size_t idle, waiting; // threads without a set; callers that wait
    bool stopping;
    pthread_t *workers; // [threads - 1] owned
    int threads;        // 0: not started
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .opened = PTHREAD_COND_INITIALIZER,
          .stirred = PTHREAD_COND_INITIALIZER};

static _Thread_local task_set *current; // the set whose task this thread is in

static bool exhausted(task_set *set) {
    return atomic_load_explicit(&set->next, memory_order_relaxed) >= set->count;
}

static void work_on(task_set *set) {
    task_set *outer = current;
    current = set;
    for (;;) {
        const size_t index = atomic_fetch_add_explicit(&set->next, 1, memory_order_relaxed);
        if (index >= set->count) {
            break;
        }
        set->task(set->context, index);
    }
    current = outer;
}

/* stems_from - whether `set` was opened inside a task of `origin`, at any depth. */
static bool stems_from(const task_set *set, const task_set *origin) {
    while (set != NULL && set != origin) {
        set = set->from;
    }
    return set != NULL;
}

/* joinable - the newest open set with room for one thread more that stems from `origin` (NULL:
 * any). Call under the lock. */
static task_set *joinable(const task_set *origin) {
    for (task_set *set = pool.top; set != NULL; set = set->below) {
        if (set->members < set->width && !exhausted(set) &&
            (origin == NULL || stems_from(set, origin))) {
            return set;
        }
    }
    return NULL;
}

/* help - works on a set of somebody else. Called and returns under the lock. */
static void help(task_set *set) {
    set->members++;
    pthread_mutex_unlock(&pool.lock);
    work_on(set);
    pthread_mutex_lock(&pool.lock);
    set->members--;
    if (set->members == 1) {
        pthread_cond_broadcast(&pool.stirred);
    }
}

/* A new thread has the floating-point environment of the one that made it, which is the program's
 * own affair: workers round to nearest and keep subnormal numbers whatever it is. */
static void *worker(void *unused) {
    (void)unused;
    (void)fesetenv(FE_DFL_ENV);
    pthread_mutex_lock(&pool.lock);
    while (!pool.stopping) {
        task_set *set = joinable(NULL);
        if (set != NULL) {
            help(set);
            continue;
        }
        pool.idle++;
        pthread_cond_wait(&pool.opened, &pool.lock);
        pool.idle--;
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
    if (pool.waiting > 0) {
        pthread_cond_broadcast(&pool.stirred);
    }
    pthread_mutex_unlock(&pool.lock);
}

/* close_set - nobody can join any more; waits for those inside and helps with what they open. */
static void close_set(task_set *set) {
    pthread_mutex_lock(&pool.lock);
    task_set **at = &pool.top;
    while (*at != set) {
        at = &(*at)->below;
    }
    *at = set->below;
    while (set->members > 1) {
        task_set *inner = joinable(set);
        if (inner != NULL) {
            help(inner);
            continue;
        }
        pool.waiting++;
        pthread_cond_wait(&pool.stirred, &pool.lock);
        pool.waiting--;
    }
    pthread_mutex_unlock(&pool.lock);
}

void sp_pool_run(size_t count, size_t width, sp_pool_task task, void *context) {
    const size_t threads = (size_t)sp_pool_threads();
    width = width == 0 || width > threads ? threads : width;
    if (count < 2 || width < 2) {
        for (size_t i = 0; i < count; i++) {
            task(context, i);
        }
        return;
    }
    task_set set = {task, context, count, width, 0, 1, NULL, current};
    open_set(&set);
    work_on(&set);
    close_set(&set);
}
