/* cli/inspect/unitfile, sandbox and unit: texts of units, their drop-ins, and what they mean. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/inspect/sandbox.h"
#include "cli/inspect/unit.h"
#include "cli/inspect/unitfile.h"
#include "core/err.h"

#define LIBRARY "/usr/lib/pillion/lib/x86_64-linux-gnu/libpillion.so"
#define SOCKET  "/run/pillion/policyd.sock"

static struct pil_unit unit_of(const char *text)
{
    struct pil_unit unit = {.name = "a-b@c.service"};

    pil_unit_parse(&unit, text, strlen(text));
    return unit;
}

static void texts(void **state)
{
    struct pil_unit u = unit_of("[Unit]\nUser=nobody\n[Service]\n"
                                "# comment\n; comment\nUser = www-data  \n"
                                "ExecStart=/bin/x \\\n# within\n  -a \\\n  -b\n"
                                "Environment=A=1\nEnvironment=B=2\n"
                                "Type=simple\nType=notify\r\n"
                                "InaccessiblePaths=/a\nInaccessiblePaths=\nInaccessiblePaths=/b\n"
                                "PIDFile=/run/%N-%p-%i-%n-%%-%h\n"
                                "nonsense\nNoNewPrivileges=ON\n[Install]\nUser=root\n"
                                "[Service]\nGroup=last");

    (void)state;
    assert_string_equal(pil_unit_get(&u, "User"), "www-data");
    assert_string_equal(pil_unit_get(&u, "ExecStart"), "/bin/x  -a  -b");
    assert_string_equal(pil_unit_get(&u, "Environment"), "A=1\nB=2");
    assert_string_equal(pil_unit_get(&u, "Type"), "notify");
    assert_string_equal(pil_unit_get(&u, "InaccessiblePaths"), "/b");
    assert_string_equal(pil_unit_get(&u, "PIDFile"), "/run/a-b@c-a-b-c-a-b@c.service-%-%h");
    assert_string_equal(pil_unit_get(&u, "Group"), "last");
    assert_string_equal(pil_unit_get(&u, "nonsense"), "");
    assert_true(pil_unit_is(&u, "NoNewPrivileges"));
    assert_false(pil_unit_is(&u, "Type"));
    pil_unit_free(&u);
}

static void folder_in(const char *above, const char *name, char *out, size_t room)
{
    snprintf(out, room, "%s/%s", above, name);
    assert_true(mkdir(out, 0700) == 0 || errno == EEXIST);
}

static void put(const char *above, const char *folder, const char *name, const char *text)
{
    char path[4096];

    folder_in(above, folder, path, sizeof(path));
    free(test_file(path, name, text));
}

static void files_and_dropins(void **state)
{
    char *folder = test_folder_make(), first[2048], second[2048], variable[4200];
    struct pil_unit u;

    (void)state;
    folder_in(folder, "etc", first, sizeof(first));
    folder_in(folder, "lib", second, sizeof(second));
    put(folder, "lib", "web@.service", "[Service]\nExecStart=/bin/web %i\nUser=web\nGroup=web\n");
    put(folder, "lib", "web@a.service", "[Service]\nExecStart=/bin/own\n");
    put(second, "service.d", "10-all.conf", "[Service]\nNice=1\n");
    put(second, "web@.service.d", "20-x.conf", "[Service]\nUser=lib\nNice=2\n");
    put(first, "web@.service.d", "20-x.conf", "[Service]\nUser=etc\n");
    put(first, "web@b.service.d", "30-y.conf", "[Service]\nGroup=b\n");
    put(first, "web@b.service.d", "ignored", "[Service]\nGroup=no\n");
    snprintf(variable, sizeof(variable), "%s:%s", first, second);
    setenv("SYSTEMD_UNIT_PATH", variable, 1);

    assert_err(pil_unit_load(&u, "web@b.service"), PIL_OK);
    assert_string_equal(pil_unit_get(&u, "ExecStart"), "/bin/web b");
    assert_string_equal(pil_unit_get(&u, "User"), "etc"); /* hides the one of that name in lib */
    assert_string_equal(pil_unit_get(&u, "Group"), "b");
    assert_string_equal(pil_unit_get(&u, "Nice"), "1");
    pil_unit_free(&u);
    assert_err(pil_unit_load(&u, "web@a"), PIL_OK); /* .service is understood */
    assert_string_equal(pil_unit_get(&u, "ExecStart"), "/bin/own");
    assert_string_equal(pil_unit_get(&u, "Group"), "");
    pil_unit_free(&u);
    assert_err(pil_unit_load(&u, "nobody.service"), PIL_E_NOTFOUND);
    assert_err(pil_unit_load(&u, "../etc.service"), PIL_E_RANGE);
    unsetenv("SYSTEMD_UNIT_PATH");
    test_folder_remove(folder);
}

/* ---- the program ------------------------------------------------------------------------------
 */

static void check_program(const char *exec, const char *wanted, bool free_of_it)
{
    char program[PATH_MAX];
    bool got;

    assert_true(pil_unit_program(exec, program, &got));
    assert_string_equal(program, wanted);
    assert_int_equal(got, free_of_it);
}

static void programs(void **state)
{
    char program[PATH_MAX];
    bool got;

    (void)state;
    check_program("/bin/x -a", "/bin/x", false);
    check_program("-:!/bin/x -a", "/bin/x", false);
    check_program("+/bin/x", "/bin/x", true);
    check_program("\"/opt/a b/x\" -c", "/opt/a b/x", false);
    check_program("/bin/x -a\n/bin/y", "/bin/x", false);
    check_program("/usr/bin/pillion run -- /bin/x -a", "/bin/x", false);
    check_program("/usr/bin/pillion run --timeout 9 -s /run/p /bin/x -- y", "/bin/x", false);
    check_program("/usr/bin/pillion status", "/usr/bin/pillion", false);
    check_program("{ path=/bin/x ; argv[]=/bin/x -a ; flags= ; start_time=[n/a] }", "/bin/x",
                  false);
    check_program("{ path=/bin/x ; argv[]=/bin/x -a ; flags=privileged ; pid=0 }", "/bin/x", true);
    check_program("{ path=/usr/bin/pillion ; argv[]=/usr/bin/pillion run -- /bin/y z ; flags= ; }",
                  "/bin/y", false);
    assert_false(pil_unit_program("", program, &got));
    assert_false(pil_unit_program("-", program, &got));
    assert_false(pil_unit_program("{ path= }", program, &got));
    assert_false(pil_unit_program("/usr/bin/pillion run --timeout", program, &got));
}

/* ---- the sandbox ------------------------------------------------------------------------------
 */

static bool shows(const char *settings, const char *path)
{
    char text[1024], why[256];
    struct pil_unit u;
    bool shown;

    snprintf(text, sizeof(text), "[Service]\n%s\n", settings);
    u = unit_of(text);
    shown = pil_sandbox_shows(&u, path, why);
    pil_unit_free(&u);
    return shown;
}

static void hidden_paths(void **state)
{
    (void)state;
    assert_true(shows("", LIBRARY));
    assert_true(shows("ProtectSystem=strict", LIBRARY));
    assert_false(shows("InaccessiblePaths=-/usr/lib/pillion", LIBRARY));
    assert_true(shows("InaccessiblePaths=/usr/lib/pill /usr/lib/pillion2", LIBRARY));
    assert_false(shows("TemporaryFileSystem=/usr:ro", LIBRARY));
    assert_true(shows("TemporaryFileSystem=/usr\nBindReadOnlyPaths=/usr/lib", LIBRARY));
    assert_true(shows("TemporaryFileSystem=/usr\nBindPaths=/srv/p:/usr/lib/pillion", LIBRARY));
    assert_false(shows("TemporaryFileSystem=/usr\nBindPaths=/usr/lib/pillion:/opt", LIBRARY));
    assert_false(shows("BindPaths=/usr\nInaccessiblePaths=/usr/lib/pillion", LIBRARY));
    assert_false(shows("ProtectHome=yes", "/home/x/libpillion.so"));
    assert_true(shows("ProtectHome=read-only", "/home/x/libpillion.so"));
    assert_false(shows("PrivateTmp=yes", "/tmp/libpillion.so"));
    assert_false(shows("DynamicUser=yes", "/var/tmp/libpillion.so"));
    assert_false(shows("RootDirectory=/no/such/root", LIBRARY));
    assert_true(shows("RootDirectory=/", LIBRARY));
    assert_true(shows("RootDirectory=/no/such/root\nBindReadOnlyPaths=/usr", LIBRARY));
}

static int group_of_connect(const char *group, const char *word)
{
    return strcmp(group, "@network") == 0 ? strcmp(word, "connect") == 0 : -1;
}

static bool allows(const char *lists, bool *unknown)
{
    *unknown = false;
    return pil_sandbox_allows(lists, "connect", group_of_connect, unknown);
}

static void filters(void **state)
{
    bool unknown;

    (void)state;
    assert_true(allows("", &unknown));
    assert_true(allows("connect bind", &unknown));
    assert_true(allows("bind\nconnect:EPERM", &unknown));
    assert_false(allows("bind listen", &unknown));
    assert_false(allows("~connect", &unknown));
    assert_true(allows("~bind", &unknown));
    assert_true(allows("@network", &unknown));
    assert_false(allows("~@network", &unknown));
    assert_false(allows("@network\n~connect", &unknown));
    assert_true(allows("~@network\nconnect", &unknown));
    assert_false(unknown);
    assert_false(allows("@other", &unknown));
    assert_true(unknown);
}

/* Names of the findings of a unit, parted by blanks, in the order they were found. */
static void judged(const char *settings, const char *wanted)
{
    char text[1024], got[512] = "";
    struct pil_findings f = {0};
    struct pil_unit u;

    snprintf(text, sizeof(text), "[Service]\n%s\n", settings);
    u = unit_of(text);
    pil_sandbox_judge(&u, LIBRARY, SOCKET, &f);
    for (size_t i = 0; i < f.count; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
                 f.item[i].name);
    assert_string_equal(got, wanted);
    pil_findings_free(&f);
    pil_unit_free(&u);
}

static void sandboxes(void **state)
{
    (void)state;
    judged("", "");
    judged("PrivateNetwork=yes", "abstract-hidden");
    judged("InaccessiblePaths=/run/pillion", "socket-path-hidden");
    judged("InaccessiblePaths=/run/pillion\nPrivateNetwork=yes", "socket-hidden");
    judged("TemporaryFileSystem=/usr", "library-hidden");
    judged("NoExecPaths=/\nExecPaths=/usr/bin", "library-noexec");
    judged("NoExecPaths=/\nExecPaths=/usr/lib", "");
    judged("RestrictAddressFamilies=AF_INET", "no-unix-sockets");
    judged("RestrictAddressFamilies=none", "no-unix-sockets");
    judged("RestrictAddressFamilies=~AF_PACKET", "");
    judged("RestrictAddressFamilies=AF_INET AF_UNIX", "");
    judged("SystemCallFilter=~sendmsg", "system-calls");
    judged("SystemCallFilter=~reboot swapon", "");
    judged("UnsetEnvironment=A LD_PRELOAD", "environment");
    judged("UnsetEnvironment=LD_PRELOAD_X", "");
    judged("SELinuxContext=x_t", "selinux");
    judged("RootImage=/srv/x.raw", "root-image");
    judged("NoNewPrivileges=yes\nProtectSystem=strict\nMemoryDenyWriteExecute=yes", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),    cmocka_unit_test(files_and_dropins),
        cmocka_unit_test(programs), cmocka_unit_test(hidden_paths),
        cmocka_unit_test(filters),  cmocka_unit_test(sandboxes),
    };

    return cmocka_run_group_tests_name("inspect_unit", tests, NULL, NULL);
}
