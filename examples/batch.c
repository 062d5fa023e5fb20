/* Certifies many clips with some threads of its own: batch MODEL.onnx BUDGET CLIP.wav...
 * A system is read-only, so that all threads share it. */
#include <pthread.h>
#include <soundproof.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4 };

typedef struct batch {
    const soundproof *system;
    const char *budget;
    char **path;                 /* [count] */
    soundproof_verdict *verdict; /* [count] */
    int count, next;             /* next: the clip that is taken next, under the lock */
    pthread_mutex_t lock;
} batch;

static int take(batch *b) {
    pthread_mutex_lock(&b->lock);
    const int clip = b->next++;
    pthread_mutex_unlock(&b->lock);
    return clip;
}

static void *work(void *context) {
    batch *b = context;
    for (int i = take(b); i < b->count; i = take(b)) {
        soundproof_certify_file(b->system, &b->verdict[i], b->path[i], b->budget,
                                SOUNDPROOF_LABEL_OF_NAME);
    }
    return NULL;
}

/* A verdict that failed says why in its reason. */
static int print(const batch *b) {
    int certified = 0;
    for (int i = 0; i < b->count; i++) {
        soundproof_verdict *v = &b->verdict[i];
        certified += v->outcome == SOUNDPROOF_CERTIFIED;
        printf("%s: %s%s%s\n", b->path[i], soundproof_outcome_name(v->outcome),
               v->reason[0] ? ": " : "", v->reason);
        soundproof_verdict_clear(v);
    }
    printf("%s: certified %d of %d\n", b->budget, certified, b->count);
    return certified == b->count ? 0 : 2;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: %s MODEL.onnx BUDGET CLIP.wav...\n", argv[0]);
        return 1;
    }
    soundproof *system = soundproof_open(argv[1], NULL, NULL);
    batch b = {.system = system, .budget = argv[2], .path = argv + 3, .count = argc - 3};
    b.verdict = calloc((size_t)b.count, sizeof *b.verdict);
    if (!system || !b.verdict) {
        fprintf(stderr, "%s\n", system ? "out of memory" : soundproof_last_error());
        soundproof_close(system);
        free(b.verdict);
        return 2;
    }
    pthread_t thread[THREADS];
    int started = 0;
    pthread_mutex_init(&b.lock, NULL);
    while (started < THREADS && pthread_create(&thread[started], NULL, work, &b) == 0) {
        started++;
    }
    work(&b); // this thread helps, and does it all where none could be started
    while (started > 0) {
        pthread_join(thread[--started], NULL);
    }
    pthread_mutex_destroy(&b.lock);
    const int code = print(&b);
    soundproof_close(system);
    free(b.verdict);
    return code;
}
