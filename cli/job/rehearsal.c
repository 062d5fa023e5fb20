/* Runs soundproof-check, which shares nothing with this program, and reads what it says. */
#include "cli/job/rehearsal.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* It stands where this program does, wherever that is. */
static bool find_checker(char path[PATH_MAX]) {
    static const char name[] = "soundproof-check";
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (length <= 0) {
        return false;
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash + 1 - path) + sizeof name > PATH_MAX) {
        return false;
    }
    memcpy(slash + 1, name, sizeof name);
    return access(path, X_OK) == 0;
}

/* The exit code, or -1; its first line on stderr. */
static int run(char line[256], char *const *arguments) {
    int ends[2], status = -1;
    pid_t child = 0;
    size_t size = 0;
    posix_spawn_file_actions_t actions;
    line[0] = '\0';
    if (pipe(ends) != 0) {
        return -1;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    const int failed = posix_spawn(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    for (ssize_t got = 1; failed == 0 && got > 0;) { // 0 at the end, or where no room is left
        got = read(ends[0], line + size, 255 - size);
        size += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    line[size] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (failed != 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status);
}

sp_status cli_rehearse(sp_error *err, const char *proof, const char *model, const char *recording,
                       const char *front) {
    char checker[PATH_MAX], line[256];
    const char *const list[] = {
        checker, "--model", model, "--clip", recording, proof, front ? "--front" : NULL,
        front,   NULL};
    if (!find_checker(checker)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "soundproof-check does not stand beside this program");
    }
    const int code = run(line, (char *const *)list);
    return code == 0 ? SP_OK
                     : sp_fail(err, SP_E_UNSUPPORTED, "soundproof-check: %s",
                               line[0] ? line : "it could not be run");
}
