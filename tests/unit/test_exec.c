/*
 * exec and posix_spawn: with a libc that only remembers what it was told. Children get our
 * variables back; what cannot be covered is an event, and refused where the policy says so.
 */
#include "tests/support/support.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/elf.h"
#include "shim/shim.h"
#include "tests/support/shimworld.h"

#define MAX_VARS 2000u

/* What libc was called with. The environment is copied: it lives on the caller's stack. */
static struct {
    const char *function;
    unsigned calls;
    int fd, flags;
    const char *path;
    char *const *argv, *const *envp;
    char *env[MAX_VARS];
    unsigned count;
    pid_t *pid;
    const void *actions, *attr;
} told;

static struct pil_genpage page;

static void forget_env(void)
{
    for (unsigned i = 0; i < told.count; i++)
        free(told.env[i]);
    told.count = 0;
}

static int tell(const char *function, int fd, const char *path, char *const argv[],
                char *const envp[], int flags)
{
    forget_env();
    told.function = function, told.fd = fd, told.path = path, told.flags = flags;
    told.argv = argv, told.envp = envp;
    told.calls++;
    for (; envp && envp[told.count]; told.count++) {
        assert_true(told.count < MAX_VARS);
        told.env[told.count] = strdup(envp[told.count]);
    }
    errno = ENOMEM;
    return -1;
}

static int t_execve(const char *path, char *const argv[], char *const envp[])
{
    return tell("execve", -1, path, argv, envp, 0);
}

static int t_execvpe(const char *file, char *const argv[], char *const envp[])
{
    return tell("execvpe", -1, file, argv, envp, 0);
}

static int t_fexecve(int fd, char *const argv[], char *const envp[])
{
    return tell("fexecve", fd, NULL, argv, envp, 0);
}

static int t_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    return tell("execveat", fd, path, argv, envp, flags);
}

static int t_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
    told.pid = pid, told.actions = actions, told.attr = attr;
    tell("posix_spawn", -1, path, argv, envp, 0);
    return 0;
}

static int t_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
    t_spawn(pid, path, actions, attr, argv, envp);
    told.function = "posix_spawnp";
    return 0;
}

static struct pil_ring ring_memory;
static uint32_t tail;
static char *folder, *static_path, *text_path, *old_path;

/* /bin/true without its loader: as a program that is statically linked looks. */
static void make_uncovered(const char *to)
{
    static char bytes[1 << 20];
    int from = open("/bin/true", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
    ssize_t len = read(from, bytes, sizeof(bytes));
    Elf64_Ehdr *head = (Elf64_Ehdr *)bytes;
    Elf64_Phdr *ph = (Elf64_Phdr *)(bytes + head->e_phoff);

    assert_true(len > (ssize_t)sizeof(*head) && len < (ssize_t)sizeof(bytes));
    for (unsigned i = 0; i < head->e_phnum; i++)
        if (ph[i].p_type == PT_INTERP)
            ph[i].p_type = PT_NULL;
    assert_int_equal(write(out, bytes, (size_t)len), len);
    close(from), close(out);
}

/* A process that was preloaded and told where its policyd is, as pillion run does it. */
static int set_up(void **state)
{
    (void)state;
    world_fresh("/tmp/policyd.sock");
    pil_genpage_init(&page); /* a policyd was there, and is gone: what it said last counts */
    pil_genpage_publish(&page, 7, 0);
    atomic_store(&pil_process.page, &page);
    atomic_store(&pil_process.flags_generation, 7);
    strcpy(pil_env.preload, "libpillion.so");
    pil_real_libc.execve = t_execve;
    pil_real_libc.execvpe = t_execvpe;
    pil_real_libc.fexecve = t_fexecve;
    pil_real_libc.execveat = t_execveat;
    pil_real_libc.posix_spawn = t_spawn;
    pil_real_libc.posix_spawnp = t_spawnp;
    memset(&ring_memory, 0, sizeof(ring_memory));
    pil_ring_init(&ring_memory);
    atomic_store(&pil_process.ring, &ring_memory);
    tail = 0;
    old_path = strdup(getenv("PATH"));
    forget_env();
    memset(&told, 0, sizeof(told));
    folder = test_folder_make();
    assert_true(asprintf(&static_path, "%s/static", folder) > 0);
    make_uncovered(static_path);
    text_path = test_file(folder, "text", "echo hello\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    forget_env();
    setenv("PATH", old_path, 1);
    free(old_path);
    free(static_path);
    free(text_path);
    test_folder_remove(folder);
    return 0;
}

static char *const no_argv[] = {NULL};

#define ENV(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})
#define WHOLE    "LD_PRELOAD=libpillion.so", "PILLION_SOCKET=/tmp/policyd.sock"

/* execve of /bin/true with that environment must hand on this one. */
static void assert_env(char *const given[], char *const want[])
{
    unsigned i;

    errno = 0;
    assert_int_equal(pil_shim_execve("/bin/true", no_argv, given), -1);
    assert_int_equal(errno, ENOMEM); /* libc's own error */
    assert_string_equal(told.function, "execve");
    assert_string_equal(told.path, "/bin/true");
    assert_ptr_equal(told.argv, no_argv);
    for (i = 0; i < told.count && want[i]; i++)
        assert_string_equal(told.env[i], want[i]);
    assert_int_equal(i, told.count);
    assert_null(want[i]);
}

/* ---- the environment ------------------------------------------------------------------------- */

static void a_whole_environment_is_handed_on_as_it_is(void **state)
{
    char *const *envp = ENV("A=1", WHOLE, "B=2");

    (void)state;
    assert_env(envp, envp);
    assert_ptr_equal(told.envp, envp);
}

static void what_is_missing_is_put_back(void **state)
{
    (void)state;
    assert_env(ENV("A=1", "B=2"), ENV("A=1", "B=2", WHOLE));
    assert_env(ENV("A=1", "PILLION_SOCKET=/tmp/policyd.sock"),
               ENV("A=1", "PILLION_SOCKET=/tmp/policyd.sock", "LD_PRELOAD=libpillion.so"));
    assert_env(ENV("LD_PRELOAD=libpillion.so", "A=1"),
               ENV("LD_PRELOAD=libpillion.so", "A=1", "PILLION_SOCKET=/tmp/policyd.sock"));
    assert_env((char *const[]){NULL}, ENV(WHOLE));
    assert_env(NULL, ENV(WHOLE));
}

static void somebody_elses_preload_is_kept(void **state)
{
    const char *ours = "PILLION_SOCKET=/tmp/policyd.sock";

    (void)state;
    assert_env(ENV("LD_PRELOAD=/a/libfaketime.so /b/libx.so", "A=1", ours),
               ENV("A=1", ours, "LD_PRELOAD=libpillion.so:/a/libfaketime.so /b/libx.so"));
    assert_env(ENV("LD_PRELOAD=", ours), ENV(ours, "LD_PRELOAD=libpillion.so"));
    /* What has our name in another place may be anything. */
    assert_env(ENV("LD_PRELOAD=/x.so:/opt/libpillion.so", ours),
               ENV(ours, "LD_PRELOAD=libpillion.so:/x.so:/opt/libpillion.so"));
}

/* A program's children stay with its policyd, whatever it tells them. */
static void another_policyd_is_replaced(void **state)
{
    (void)state;
    assert_env(ENV("PILLION_SOCKET=@other", "A=1"), ENV("A=1", WHOLE));
}

static void nothing_is_put_back_that_was_not_there(void **state)
{
    (void)state;
    pil_env.preload[0] = '\0'; /* by /etc/ld.so.preload, say */
    assert_env(ENV("A=1"), ENV("A=1", "PILLION_SOCKET=/tmp/policyd.sock"));
    strcpy(pil_env.alternative, "@x"); /* the default places: nothing was named */
    assert_env(ENV("A=1"), ENV("A=1"));
    strcpy(pil_env.preload, "libpillion.so");
    assert_env(ENV("A=1"), ENV("A=1", "LD_PRELOAD=libpillion.so"));
}

static void in_secure_mode_no_socket_is_named(void **state)
{
    (void)state;
    pil_env.secure = true;
    strcpy(pil_env.alternative, "@x"); /* as secure mode has it */
    assert_env(ENV("A=1", "PILLION_SOCKET=/tmp/mine"), ENV("A=1", "LD_PRELOAD=libpillion.so"));
}

static void the_longest_values_fit(void **state)
{
    char preload[PIL_ENV_PATH + 1], want[2][600];

    (void)state;
    memset(preload, 'p', PIL_ENV_PATH);
    preload[0] = 'q';
    preload[PIL_ENV_PATH] = '\0';
    strcpy(pil_env.preload, preload);
    memset(pil_env.socket, 's', PIL_SOCKET_MAX);
    snprintf(want[0], sizeof(want[0]), "LD_PRELOAD=%s:/x.so", preload);
    snprintf(want[1], sizeof(want[1]), "PILLION_SOCKET=%s", pil_env.socket);
    assert_int_equal(strlen(want[1]), 15 + PIL_SOCKET_MAX);
    assert_env(ENV("LD_PRELOAD=/x.so"), ENV(want[0], want[1]));
}

static void a_huge_environment_is_mended_or_refused_whole(void **state)
{
    static const char *vars[MAX_VARS];

    (void)state;
    for (unsigned i = 0; i < 1024; i++)
        vars[i] = "X=1";
    vars[1024] = NULL;
    assert_int_equal(pil_shim_execve("/bin/true", no_argv, (char *const *)vars), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(told.count, 1026);
    vars[1024] = "X=1";
    vars[1025] = NULL;
    assert_int_equal(pil_shim_execve("/bin/true", no_argv, (char *const *)vars), -1);
    assert_int_equal(errno, E2BIG);
    assert_int_equal(told.calls, 1);
    vars[1025] = "LD_PRELOAD=libpillion.so"; /* nothing to mend: as long as it likes */
    vars[1026] = "PILLION_SOCKET=/tmp/policyd.sock";
    vars[1027] = NULL;
    assert_int_equal(pil_shim_execve("/bin/true", no_argv, (char *const *)vars), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(told.count, 1027);
}

/* ---- all the ways ---------------------------------------------------------------------------- */

static void each_function_gets_its_arguments(void **state)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int fd = open("/bin/true", O_RDONLY);
    pid_t pid = 0;

    (void)state;
    assert_int_equal(pil_shim_execvpe("true", no_argv, ENV("A=1")), -1);
    assert_string_equal(told.function, "execvpe");
    assert_string_equal(told.path, "true");
    assert_int_equal(told.count, 3);
    assert_int_equal(pil_shim_fexecve(fd, no_argv, ENV("A=1")), -1);
    assert_string_equal(told.function, "fexecve");
    assert_int_equal(told.fd, fd);
    assert_int_equal(told.count, 3);
    assert_int_equal(pil_shim_execveat(fd, "", no_argv, ENV("A=1"), AT_EMPTY_PATH), -1);
    assert_string_equal(told.function, "execveat");
    assert_int_equal(told.fd, fd);
    assert_int_equal(told.flags, AT_EMPTY_PATH);
    assert_int_equal(told.count, 3);
    errno = 4711;
    assert_int_equal(
        pil_shim_posix_spawn(&pid, "/bin/true", &actions, &attr, no_argv, ENV("A=1"), 0), 0);
    assert_string_equal(told.function, "posix_spawn");
    assert_ptr_equal(told.pid, &pid);
    assert_ptr_equal(told.actions, &actions);
    assert_ptr_equal(told.attr, &attr);
    assert_int_equal(told.count, 3);
    assert_int_equal(pil_shim_posix_spawn(&pid, "true", NULL, NULL, no_argv, ENV("A=1"), 1), 0);
    assert_string_equal(told.function, "posix_spawnp");
    assert_string_equal(told.path, "true");
    assert_int_equal(told.count, 3);
    assert_int_equal(atomic_load(&ring_memory.head), 0); /* all of them covered */
    close(fd);
}

/* ---- coverage -------------------------------------------------------------------------------- */

static void assert_event(unsigned type, const char *path, unsigned cover)
{
    struct pil_event event;

    assert_true(pil_ring_get(&ring_memory, &tail, &event));
    assert_int_equal(event.type, type);
    assert_int_equal(event.kind, cover);
    assert_int_equal(event.text_len, strlen(path) < PIL_EVENT_TEXT ? strlen(path) : PIL_EVENT_TEXT);
    assert_memory_equal(event.text, path, event.text_len);
    assert_false(pil_ring_get(&ring_memory, &tail, &event));
}

static void lost_coverage_is_told_and_done(void **state)
{
    int fd = open(static_path, O_RDONLY);

    (void)state;
    assert_int_equal(pil_shim_execve(static_path, no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOMEM);
    assert_event(PIL_EVENT_COVERAGE_LOST, static_path, PIL_COVER_STATIC);
    assert_int_equal(pil_shim_fexecve(fd, no_argv, ENV("A=1")), -1);
    assert_event(PIL_EVENT_COVERAGE_LOST, "", PIL_COVER_STATIC);
    assert_int_equal(pil_shim_execveat(fd, "", no_argv, ENV("A=1"), AT_EMPTY_PATH), -1);
    assert_event(PIL_EVENT_COVERAGE_LOST, "", PIL_COVER_STATIC);
    assert_int_equal(pil_shim_posix_spawn(NULL, static_path, NULL, NULL, no_argv, ENV("A=1"), 0),
                     0);
    assert_event(PIL_EVENT_COVERAGE_LOST, static_path, PIL_COVER_STATIC);
    assert_int_equal(told.calls, 4);
    assert_int_equal(told.count, 3); /* and mended all the same */
    close(fd);
}

static void where_children_must_be_covered_it_is_refused(void **state)
{
    int fd = open(static_path, O_RDONLY), dir = open(folder, O_RDONLY | O_DIRECTORY);

    (void)state;
    atomic_store(&pil_process.flags, PIL_WELCOME_COVER_CHILDREN);
#define REFUSED(call, path)                                                                        \
    do {                                                                                           \
        errno = 0;                                                                                 \
        assert_int_equal(call, -1);                                                                \
        assert_int_equal(errno, EACCES);                                                           \
        assert_event(PIL_EVENT_EXEC_REFUSED, path, PIL_COVER_STATIC);                              \
    } while (0)
    REFUSED(pil_shim_execve(static_path, no_argv, ENV("A=1")), static_path);
    REFUSED(pil_shim_execvpe(static_path, no_argv, ENV("A=1")), static_path);
    REFUSED(pil_shim_fexecve(fd, no_argv, ENV("A=1")), "");
    REFUSED(pil_shim_execveat(dir, "static", no_argv, ENV("A=1"), 0), "static");
    REFUSED(pil_shim_execveat(fd, "", no_argv, ENV("A=1"), AT_EMPTY_PATH), "");
    errno = 4711; /* posix_spawn returns its error and leaves errno alone */
    assert_int_equal(pil_shim_posix_spawn(NULL, static_path, NULL, NULL, no_argv, ENV("A=1"), 0),
                     EACCES);
    assert_event(PIL_EVENT_EXEC_REFUSED, static_path, PIL_COVER_STATIC);
    assert_int_equal(errno, 4711);
    assert_int_equal(told.calls, 0);
    assert_int_equal(pil_shim_execve("/bin/true", no_argv, ENV("A=1")), -1);
    assert_int_equal(told.calls, 1);
    close(fd), close(dir);
}

static void what_exec_itself_refuses_is_not_ours_to_judge(void **state)
{
    (void)state;
    atomic_store(&pil_process.flags, PIL_WELCOME_COVER_CHILDREN);
    assert_int_equal(pil_shim_execve("/nowhere/x", no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(pil_shim_execve(text_path, no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(pil_shim_execve(NULL, no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(pil_shim_execve((const char *)16, no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(told.calls, 4);
    assert_int_equal(atomic_load(&ring_memory.head), 0);
}

/* A bare name is followed through PATH, as libc will do it. */
static void the_path_is_searched_in_order(void **state)
{
    char path[512], here[512];

    (void)state;
    atomic_store(&pil_process.flags, PIL_WELCOME_COVER_CHILDREN);
    assert_non_null(getcwd(here, sizeof(here)));
    snprintf(path, sizeof(path), "/nowhere:%s:/bin", folder);
    setenv("PATH", path, 1);
    assert_int_equal(pil_shim_execvpe("static", no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, EACCES);
    assert_event(PIL_EVENT_EXEC_REFUSED, "static", PIL_COVER_STATIC);
    assert_int_equal(pil_shim_posix_spawn(NULL, "static", NULL, NULL, no_argv, ENV("A=1"), 1),
                     EACCES);
    assert_event(PIL_EVENT_EXEC_REFUSED, "static", PIL_COVER_STATIC);
    assert_int_equal(pil_shim_execvpe("true", no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOMEM);
    /* execve and posix_spawn do not search: this is a file that is not there. */
    assert_int_equal(pil_shim_execve("static", no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(chdir(folder), 0);
    setenv("PATH", "/nowhere:", 1); /* an empty folder is the current one */
    assert_int_equal(pil_shim_execvpe("static", no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(chdir(here), 0);
    unsetenv("PATH");
    assert_int_equal(pil_shim_execvpe("true", no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOMEM);
}

/* execvp goes on behind a folder, and behind a file that may not be executed; so must the look. */
static void what_cannot_be_executed_does_not_end_the_search(void **state)
{
    char path[1000], first[300], second[300], file[400], hidden[400];

    (void)state;
    snprintf(first, sizeof(first), "%s/first", folder);
    snprintf(second, sizeof(second), "%s/second", folder);
    assert_int_equal(mkdir(first, 0700), 0);
    assert_int_equal(mkdir(second, 0700), 0);
    free(test_file(first, "tool", "not a program\n")); /* mode 0600 */
    snprintf(file, sizeof(file), "%s/tool", second);
    make_uncovered(file);
    snprintf(hidden, sizeof(hidden), "%s/hidden", folder);
    assert_int_equal(mkdir(hidden, 0700), 0);
    snprintf(path, sizeof(path), "%s/tool", hidden);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s:%s:%s", hidden, first, second);
    setenv("PATH", path, 1);
    atomic_store(&pil_process.flags, PIL_WELCOME_COVER_CHILDREN);
    assert_int_equal(pil_shim_execvpe("tool", no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(told.calls, 0);
}

static void a_libc_without_exec_is_enosys(void **state)
{
    (void)state;
    pil_real_libc.execveat = NULL;
    assert_int_equal(pil_shim_execve("/bin/true", no_argv, ENV("A=1")), -1);
    assert_int_equal(errno, ENOSYS);
    assert_int_equal(pil_shim_posix_spawn(NULL, "/bin/true", NULL, NULL, no_argv, ENV("A=1"), 0),
                     ENOSYS);
    assert_int_equal(told.calls, 0);
}

/* In a vfork child nothing of the parent's may change: an exec that stays covered starts nothing.
 */
static void nothing_is_started_on_the_way(void **state)
{
    static struct pil_process before;

    (void)state;
    atomic_store(&pil_process.phase, 0);
    memcpy(&before, &pil_process, sizeof(before));
    assert_int_equal(pil_shim_execve("/bin/true", no_argv, ENV("A=1")), -1);
    assert_memory_equal(&before, &pil_process, sizeof(before));
}

#define exec_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        exec_test(a_whole_environment_is_handed_on_as_it_is),
        exec_test(what_is_missing_is_put_back),
        exec_test(somebody_elses_preload_is_kept),
        exec_test(another_policyd_is_replaced),
        exec_test(nothing_is_put_back_that_was_not_there),
        exec_test(in_secure_mode_no_socket_is_named),
        exec_test(the_longest_values_fit),
        exec_test(a_huge_environment_is_mended_or_refused_whole),
        exec_test(each_function_gets_its_arguments),
        exec_test(lost_coverage_is_told_and_done),
        exec_test(where_children_must_be_covered_it_is_refused),
        exec_test(what_exec_itself_refuses_is_not_ours_to_judge),
        exec_test(the_path_is_searched_in_order),
        exec_test(what_cannot_be_executed_does_not_end_the_search),
        exec_test(a_libc_without_exec_is_enosys),
        exec_test(nothing_is_started_on_the_way),
    };

    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
