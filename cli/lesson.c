#include "cli/lesson.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/out.h"
#include "cli/solo.h"
#include "core/err.h"

#define EVERYTHING "schema = 1\ndefault = allow\n"
#define LOOK_MS    200u /* how often it is looked whether the last process has gone */
#define QUIET_MS   3000 /* without a process, until --wait takes them for gone */

/* Passed on to the program when somebody sends them to us. */
static const int passed_on[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};

static void block(sigset_t *set, sigset_t *before)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    for (size_t i = 0; i < PIL_NELEM(passed_on); i++)
        sigaddset(set, passed_on[i]);
    sigprocmask(SIG_BLOCK, set, before);
}

/* ---- what was learned ----------------------------------------------------------------------- */

static int take_lost(struct pil_lesson *lesson, const json_t *list)
{
    const json_t *one;
    size_t i;

    lesson->lost = calloc(json_array_size(list) + 1, sizeof(*lesson->lost));
    if (!lesson->lost)
        return PIL_E_NOMEM;
    json_array_foreach(list, i, one)
    {
        lesson->lost[i] = strdup(pil_out_string(one, "path"));
        if (!lesson->lost[i])
            return PIL_E_NOMEM;
        lesson->lost_count++;
    }
    return PIL_OK;
}

static int take_entries(struct pil_lesson *lesson, const json_t *answer)
{
    int error = take_lost(lesson, json_object_get(answer, "lost"));
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(answer, "entries"), i, entry)
    {
        if (!error)
            error = pil_seen_add(&lesson->seen, entry);
    }
    /* Callers do not matter to a policy that is learned. */
    for (i = 0; i < lesson->seen.count; i++) {
        lesson->seen.item[i].caller[0] = '\0';
        lesson->seen.item[i].has_caller = false;
    }
    pil_seen_fold(&lesson->seen);
    lesson->missed = (uint64_t)pil_out_number(answer, "missed");
    lesson->processes = (unsigned)pil_out_number(answer, "processes");
    return error;
}

static int begin(struct pil_client *c, const char *socket, const json_t *filter)
{
    json_t *answer = NULL;
    int error = pil_client_open(c, socket);

    if (!error)
        error = pil_client_call(c, "learn", filter, &answer, NULL);
    if (error)
        pil_cli_error("%s", c->problem);
    json_decref(answer);
    return error;
}

static int collect(struct pil_client *c, struct pil_lesson *lesson)
{
    json_t *answer = NULL;
    int error;

    c->wait_ms = 60000; /* a long list takes its time to be made */
    error = pil_client_call(c, "learned", NULL, &answer, NULL);
    if (error)
        pil_cli_error("%s", c->problem);
    else
        error = take_entries(lesson, answer);
    json_decref(answer);
    return error;
}

void pil_lesson_free(struct pil_lesson *lesson)
{
    pil_seen_free(&lesson->seen);
    for (size_t i = 0; i < lesson->lost_count; i++)
        free(lesson->lost[i]);
    free(lesson->lost);
    *lesson = (struct pil_lesson){0};
}

/* ---- a program of our own ------------------------------------------------------------------- */

/* `pillion run` itself starts it: what it refuses is refused here, in its words. */
static void become(const char *socket, char **argv, const sigset_t *mask)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    size_t count = 0;
    char **all;

    sigprocmask(SIG_SETMASK, mask, NULL);
    while (argv[count])
        count++;
    all = calloc(count + 6, sizeof(*all));
    if (len <= 0 || !all)
        _exit(PIL_EXIT_FAILED);
    self[len] = '\0';
    all[0] = (char *)"pillion", all[1] = (char *)"run", all[2] = (char *)"--socket";
    all[3] = (char *)(uintptr_t)socket, all[4] = (char *)"--";
    memcpy(all + 5, argv, count * sizeof(*argv));
    execv(self, all);
    pil_cli_error("cannot run %s: %s", self, strerror(errno));
    _exit(PIL_EXIT_FAILED);
}

static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Until it has ended. A signal that the kernel sends because of the terminal reaches it too. */
static int attend(pid_t child, const sigset_t *set)
{
    siginfo_t info;
    int status;

    for (;;) {
        int number = sigwaitinfo(set, &info);

        if (number == SIGCHLD && waitpid(child, &status, WNOHANG) == child)
            return shell_status(status);
        if (number > 0 && number != SIGCHLD && info.si_code <= 0)
            kill(child, number);
    }
}

static bool interrupted(const sigset_t *set, uint64_t ms)
{
    const struct timespec limit = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    int number = sigtimedwait(set, NULL, &limit);

    return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

/* A process that has made no call yet is not attached: what a daemon forks before it listens, say.
 * So they are gone when there was none for a while. */
static void await_all(struct pil_client *c, const sigset_t *set)
{
    unsigned left, quiet_ms = 0;

    do {
        json_t *answer = NULL;

        if (pil_client_call(c, "learned", NULL, &answer, NULL))
            return; /* whoever collects says why */
        left = (unsigned)pil_out_number(answer, "processes");
        json_decref(answer);
        quiet_ms = left > 0 ? 0 : quiet_ms + LOOK_MS;
    } while (quiet_ms < QUIET_MS && !interrupted(set, LOOK_MS));
}

static int run_child(const char *socket, char **argv, const sigset_t *set, const sigset_t *before)
{
    pid_t child = fork();

    if (child == 0)
        become(socket, argv, before);
    if (child > 0)
        return attend(child, set);
    pil_cli_error("cannot fork: %s", strerror(errno));
    return -1;
}

/* policyd reads its policy from a file; nobody else may write it. */
static int start_policyd(struct pil_solo *solo)
{
    char path[] = "/tmp/pillion-learn-XXXXXX.conf";
    int fd = mkstemps(path, 5), code;

    if (fd < 0 || write(fd, EVERYTHING, strlen(EVERYTHING)) != (ssize_t)strlen(EVERYTHING)) {
        pil_cli_error("cannot write %s: %s", path, strerror(errno));
        code = PIL_EXIT_FAILED;
    } else {
        code = pil_solo_start(solo, path, NULL);
    }
    if (fd >= 0) {
        unlink(path);
        close(fd);
    }
    return code;
}

int pil_lesson_command(char **argv, bool wait, struct pil_lesson *lesson, int *status)
{
    struct pil_client *c = malloc(sizeof(*c));
    sigset_t set, before;
    struct pil_solo solo;
    int code = c ? start_policyd(&solo) : PIL_EXIT_FAILED;

    if (!code)
        code = pil_cli_exit_of(begin(c, solo.socket, NULL));
    if (!code) {
        block(&set, &before);
        *status = run_child(solo.abstract, argv, &set, &before);
        if (wait && *status >= 0)
            await_all(c, &set);
        code = *status < 0 || collect(c, lesson) ? PIL_EXIT_FAILED : PIL_EXIT_OK;
        sigprocmask(SIG_SETMASK, &before, NULL);
        pil_client_close(c);
    }
    free(c);
    return code;
}

/* ---- what runs already ---------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* Signals that do not end it are no reason to stop looking on. */
static void look_on(uint64_t for_ms, const sigset_t *set)
{
    uint64_t end = for_ms ? now_ms() + for_ms : UINT64_MAX, now;

    while ((now = now_ms()) < end) {
        uint64_t left = end - now < 3600000 ? end - now : 3600000;

        if (interrupted(set, left))
            return;
    }
}

int pil_lesson_watch(const char *socket, const char *unit, const char *workload, uint64_t for_ms,
                     struct pil_lesson *lesson)
{
    struct pil_client *c = malloc(sizeof(*c));
    json_t *filter = json_object();
    sigset_t set, before;
    int error = c && filter ? PIL_OK : PIL_E_NOMEM;

    if (unit)
        json_object_set_new(filter, "unit", pil_out_json_text(unit));
    if (workload)
        json_object_set_new(filter, "workload", pil_out_json_text(workload));
    block(&set, &before);
    if (!error)
        error = begin(c, socket, filter);
    if (!error) {
        pil_cli_error("looking on at %s; an interrupt ends it", unit ? unit : workload);
        look_on(for_ms, &set);
        error = collect(c, lesson);
        pil_client_close(c);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    json_decref(filter);
    free(c);
    return pil_cli_exit_of(error);
}
