#!/bin/sh
# A program whose library is not loaded does not live: pillion run ends it with a status of its own
# and a word at the terminal. One that is covered finds nothing of what watched over its start.
set -u
. "$(dirname "$0")/common"
need cc perl unshare setpriv

show=$tmp/log
logged() { ready grep -q "$1" "$tmp/log"; }

# A policyd of our own; what it logs is in $tmp/log.
start_policyd() {
    : >"$tmp/log"
    "$policyd" -f -c "$patient" -p "$allow" -s "$tmp/sock" -l "$tmp/log" \
        >"$tmp/policyd.err" 2>&1 &
    daemon=$!
    jobs_of_leg="$jobs_of_leg $daemon"
    ready "$BUILD/pillion" status --socket "$tmp/sock"
}
watcher_of() { # PID: the process that watches over its start
    for info in /proc/[0-9]*/fdinfo/4; do
        [ -n "$1" ] && grep -qsx "Pid:[[:space:]]*$1" "$info" || continue
        info=${info#/proc/}
        [ "$(cat "/proc/${info%%/*}/comm" 2>/dev/null)" = pillion-watch ] && echo "${info%%/*}"
    done
}
no_watcher_of() { [ -z "$(watcher_of "$1")" ]; }

# A loader that is named like the real one, waits for a line when there is a fifo to wait at, and
# starts the program behind it: with our library, or, like a wrapper that knows best, without. It
# is not linked with libc, whose static start would take the program's headers for its own.
cat >"$tmp/loader.c" <<'END'
#include <fcntl.h>
#include <sys/syscall.h>
static long call(long number, const void *a, const void *b, const void *c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}
static int is_ours(const char *text)
{
    const char *name = "LD_PRELOAD=";
    while (*name && *name == *text)
        name++, text++;
    return !*name;
}
__attribute__((used)) void begin(long *stack)
{
    char **argv = (char **)(stack + 1), **env = argv + stack[0] + 1, **to = env, byte;
    long fd = call(SYS_open, FIFO, (void *)O_RDONLY, 0);
    if (fd >= 0 && call(SYS_read, (void *)fd, &byte, (void *)1) != 1)
        call(SYS_exit, (void *)1, 0, 0);
    if (fd >= 0)
        call(SYS_close, (void *)fd, 0, 0);
    for (char **e = env; *e; e++)
        if (KEEP || !is_ours(*e))
            *to++ = *e;
    *to = 0;
    call(SYS_execve, PROGRAM, argv, env);
    call(SYS_exit, (void *)2, 0, 0);
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin");
END
cat >"$tmp/program.c" <<'END'
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "undumpable") == 0)
        prctl(PR_SET_DUMPABLE, 0);
    if (strcmp(what, "looks") == 0) {
        sigset_t set;
        int child = (int)waitpid(-1, 0, WNOHANG | __WALL), error = errno;
        sigpending(&set);
        printf("pending %d, child %d, errno %d\n", sigismember(&set, SIGCHLD), child, error);
        return 5;
    }
    if (strcmp(what, "reaps") == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        argv += 2;
        execvp(argv[0], argv);
    }
    if (strcmp(what, "lives") == 0)
        return puts("lived") < 0;
    for (;;)
        pause();
}
END
cc -o "$tmp/program" "$tmp/program.c" || exit 1
judged() { # NAME KEEP: a program that looks coverable and has that loader
    mkdir -p "$tmp/$1" &&
        cc -O1 -static -nostdlib -fno-stack-protector -fno-pie -no-pie -DKEEP="$2" \
            -DPROGRAM="\"$tmp/program\"" -DFIFO="\"$tmp/$1/fifo\"" \
            -o "$tmp/$1/ld-linux-x86-64.so.2" "$tmp/loader.c" &&
        cc -o "$tmp/$1/program" "$tmp/program.c" \
            -Wl,--dynamic-linker="$tmp/$1/ld-linux-x86-64.so.2"
}
judged strips 0 && judged slow 1 || exit 1
start_policyd
pillion=$BUILD/pillion

# ---- no hello ------------------------------------------------------------------------------------

cat >"$tmp/wrapper" <<END
#!/bin/sh
unset LD_PRELOAD
exec $tmp/program lives
END
chmod 755 "$tmp/wrapper"
try 0 "$pillion" run --socket "$tmp/sock" -- "$tmp/wrapper" && grep -qx lived "$tmp/out"
verdict $? "a shell script that drops LD_PRELOAD keeps it: its program is covered"

try 123 "$pillion" run --socket "$tmp/sock" --timeout 300 -- "$tmp/strips/program" sleeps &&
    [ ! -s "$tmp/out" ] && [ "$(wc -l <"$tmp/err")" -eq 2 ] &&
    err "program (process [0-9]*) is ended: libpillion.so did not say hello .* within 300 ms" &&
    err '^pillion: remedy: '
verdict $? "LD_PRELOAD stripped on the way: ended with status 123, a reason and a remedy"
logged '"event":"expect","pid":[0-9]*,"uid":[0-9]*,"timeout_ms":300,"outcome":"ended"'
verdict $? "the log says that it was ended"

try 137 "$pillion" run --socket "$tmp/sock" --timeout 300 -- "$tmp/strips/program" undumpable
got=$?
# Root may trace what cannot be dumped; nobody may not.
if [ "$(id -u)" = 0 ]; then
    try 137 setpriv --reuid 65534 --regid 65534 --clear-groups "$pillion" run \
        --socket "$tmp/sock" --timeout 300 -- "$tmp/strips/program" undumpable && err 'is ended'
    got=$?
fi
verdict $got "one that may not be traced is killed, with the same words"

"$pillion" run --socket "$tmp/sock" --timeout 3000 -- "$tmp/strips/program" sleeps \
    >"$tmp/out" 2>"$tmp/err" &
child=$!
jobs_of_leg="$jobs_of_leg $child"
is_watched() { watcher=$(watcher_of "$1"); [ -n "$watcher" ]; }
ready is_watched $child
[ -n "$watcher" ] && kill -STOP "$watcher"
wait $child
got=$?
[ -n "$watcher" ] && kill -CONT "$watcher"
[ $got -eq 137 ] && logged "\"pid\":$child,.*\"outcome\":\"killed\""
verdict $? "policyd kills it when its watcher does not"

# ---- policyd goes away ---------------------------------------------------------------------------

mkfifo "$tmp/slow/fifo" "$tmp/strips/fifo"
for signal in KILL TERM; do
    "$pillion" run --socket "$tmp/sock" --timeout 60000 -- "$tmp/slow/program" lives \
        >"$tmp/out" 2>"$tmp/err" &
    child=$!
    jobs_of_leg="$jobs_of_leg $child"
    exec 8>"$tmp/slow/fifo" # opens when the loader has been started
    kill -$signal "$daemon"
    wait "$daemon" 2>/dev/null
    echo >&8
    exec 8>&-
    wait $child && grep -qx lived "$tmp/out" && [ ! -s "$tmp/err" ]
    verdict $? "one whose library comes after policyd has gone ($signal) lives"
    start_policyd
done
"$pillion" run --socket "$tmp/sock" --timeout 700 -- "$tmp/strips/program" sleeps \
    >"$tmp/out" 2>"$tmp/err" &
child=$!
jobs_of_leg="$jobs_of_leg $child"
exec 8>"$tmp/strips/fifo"
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
echo >&8
exec 8>&-
wait $child
[ $? -eq 123 ] && err 'policyd went away, and libpillion.so was not loaded within 700 ms'
verdict $? "one whose library does not come is ended without policyd, too"
rm "$tmp/slow/fifo" "$tmp/strips/fifo"
start_policyd

# ---- nobody notices ------------------------------------------------------------------------------

try 5 "$pillion" run --socket "$tmp/sock" -- "$tmp/program" looks &&
    grep -qx 'pending 0, child -1, errno 10' "$tmp/out"
verdict $? "a covered program has no child, and no signal that is pending"
try 5 sh -c 'trap "" CHLD; exec "$@"' sh "$pillion" run --socket "$tmp/sock" -- "$tmp/program" looks
verdict $? "nor where SIGCHLD was ignored"
mkfifo "$tmp/go"
# Reads to the end of the program's standard output and error while the program still runs.
text=$({ "$pillion" run --socket "$tmp/sock" -- sh -c '
    echo $$ >"$2"; exec >&- 2>&-; read -r line <"$1"' sh "$tmp/go" "$tmp/pid" & } 2>&1)
ready test -s "$tmp/pid"
[ -z "$text" ] && kill -0 "$(cat "$tmp/pid")" && ready no_watcher_of "$(cat "$tmp/pid")"
verdict $? "pipes to the program end when the program closes them, and the watcher is gone"
echo >"$tmp/go"
try 5 "$tmp/program" reaps "$pillion" run --socket "$tmp/sock" -- "$tmp/program" looks &&
    grep -qx 'pending 0, child -1, errno 10' "$tmp/out"
verdict $? "a subreaper is not given a watcher to reap"
try 137 "$tmp/program" reaps "$pillion" run --socket "$tmp/sock" --timeout 300 -- \
    "$tmp/strips/program" sleeps
verdict $? "policyd kills it when no hello comes"
if unshare -pf true 2>/dev/null; then
    try 5 unshare -pf "$pillion" run --socket "$tmp/sock" -- "$tmp/program" looks &&
        grep -qx 'pending 0, child -1, errno 10' "$tmp/out"
    verdict $? "init of a pid namespace is not given one either"
    timeout 60 unshare -pf "$pillion" run --socket "$tmp/sock" --timeout 300 -- \
        "$tmp/strips/program" sleeps >"$tmp/out" 2>"$tmp/err"
    ready sh -c '[ "$(grep -c "\"outcome\":\"killed\"" "$1")" -eq 2 ]' sh "$tmp/log"
    verdict $? "and is killed when no hello comes"
else
    skip "init of a pid namespace" "no pid namespace can be made here"
fi
