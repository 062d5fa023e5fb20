/* Ctrl-C, and the SIGTERM of a batch system whose time is up: what is under way ends as if its time
 * had run out, and what is done is printed and written. The second one ends the program at once. */
#define _XOPEN_SOURCE 700 // SA_RESETHAND

#include "cli/impl.h"

#include <signal.h>

#include "base/clock.h"

static volatile sig_atomic_t caught;

static void take_signal(int number) {
    caught = number;
    sp_clock_stop();
}

/* A signal that is ignored, as behind nohup, stays so. */
static void watch(int number) {
    struct sigaction action = {.sa_handler = take_signal, .sa_flags = (int)SA_RESETHAND}, old;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
        sigaction(number, &action, NULL);
    }
}

void cli_interrupt_watch(void) {
    static bool watching;
    if (!watching) {
        watching = true;
        watch(SIGINT);
        watch(SIGTERM);
    }
}

int cli_interrupt_code(void) {
    return caught ? 128 + (int)caught : -1;
}
