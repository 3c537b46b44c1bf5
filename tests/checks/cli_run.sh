#!/bin/sh
# pillion run: what is refused and how, what the program finds, what is left behind.
set -u
. "$(dirname "$0")/../common"
solo=$tmp/solo.conf
cat >"$solo" <<'END'
schema = 1
default = deny
policy "p" {
    applies = {"*"}
    version = 3
    rule "own" { effect = allow  actions = {connect}  resources = {"127.0.0.1:1"} }
}
END
chmod 644 "$solo"

# ---- programs that cannot be covered -------------------------------------------------------------

try 127 "$pillion" run --solo "$solo" -- no-such-program-here && err 'No such file'
verdict $? "a program that is not there is 127"
try 127 "$pillion" run --solo "$solo" -- /no/such/program
verdict $? "a path that is not there is 127"
echo text >"$tmp/plain"
try 126 "$pillion" run --solo "$solo" -- "$tmp/plain" && err 'Permission denied'
verdict $? "a file without execute permission is 126"
chmod 755 "$tmp/plain"
try 126 "$pillion" run --solo "$solo" -- "$tmp/plain" && err '(not-a-program)' && err 'remedy: '
verdict $? "a text file is refused with its reason and a remedy"

cat >"$tmp/p.c" <<'END'
int main(void) { return 42; }
END
if ${CC:-cc} -static -o "$tmp/static" "$tmp/p.c" 2>/dev/null; then
    try 126 "$pillion" run --solo "$solo" -- "$tmp/static" && err '(static)' && err 'remedy: '
    verdict $? "a static program is refused with its reason and a remedy"
    printf '#!%s\n' "$tmp/static" >"$tmp/script"
    chmod 755 "$tmp/script"
    try 126 "$pillion" run --solo "$solo" -- "$tmp/script" && err '(static)' &&
        err 'is a script that'
    verdict $? "so is a script that a static program runs"
    try 126 "$pillion" run --solo "$solo" -- sh -c "exit 126" && ! err 'pillion:'
    verdict $? "a program's own 126 comes without a word of ours"
else
    echo "ok - static programs # SKIP no static libc here"
fi
${CC:-cc} -o "$tmp/plainly" "$tmp/p.c"
${CC:-cc} -o "$tmp/foreign" "$tmp/p.c" -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1
try 126 "$pillion" run --solo "$solo" -- "$tmp/foreign" && err '(libc)' && err 'ld-musl'
verdict $? "a program for another libc is refused and its loader named"
if [ "$(id -u)" -eq 0 ]; then
    cp "$tmp/plainly" "$tmp/setuid"
    chown 65534 "$tmp/setuid"
    chmod 4755 "$tmp/setuid"
    try 126 "$pillion" run --solo "$solo" -- "$tmp/setuid" && err '(setuid)'
    verdict $? "a program that changes its user is refused"
else
    echo "ok - setuid programs # SKIP not root: no file of another user can be made"
fi

# ---- the program under a private policyd ---------------------------------------------------------

try 42 "$pillion" run --solo "$solo" -- "$tmp/plainly"
verdict $? "the program's exit code is ours"
try 0 "$pillion" run --solo "$solo" -- sh -c 'echo "$LD_PRELOAD"; echo "$PILLION_SOCKET"' &&
    out "^$BUILD/[\$]LIB/libpillion.so\$" && out '^@pillion/pillion-'
verdict $? "library and socket are in its environment"
cat >"$tmp/empty.c" <<'END'
int pil_nothing;
END
${CC:-cc} -shared -fPIC -o "$tmp/first.so" "$tmp/empty.c"
LD_PRELOAD=$tmp/first.so try 0 "$pillion" run --solo "$solo" -- sh -c 'echo "$LD_PRELOAD"' &&
    out "^$tmp/first.so:$BUILD/[\$]LIB/libpillion.so\$"
verdict $? "what was preloaded already stays, in front"
cat >"$tmp/children.c" <<'END'
#include <errno.h>
#include <sys/wait.h>
int main(void) { return waitpid(-1, 0, WNOHANG) == -1 && errno == ECHILD ? 0 : 1; }
END
${CC:-cc} -o "$tmp/children" "$tmp/children.c" &&
    try 0 "$pillion" run --solo "$solo" -- "$tmp/children"
verdict $? "the program has no child that it did not make"
cat >"$tmp/open.c" <<'END'
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int more = 0;
    while ((entry = readdir(dir)))
        more += atoi(entry->d_name) < 64 && atoi(entry->d_name) != dirfd(dir);
    printf("%d more\n", more);
    return 0;
}
END
${CC:-cc} -o "$tmp/open" "$tmp/open.c" && "$tmp/open" >"$tmp/before" &&
    try 0 "$pillion" run --solo "$solo" -- "$tmp/open" && cmp -s "$tmp/before" "$tmp/out"
verdict $? "no descriptor of the command reaches the program"
try 0 "$pillion" run --solo "$solo" -- bash -c '
    (exec 3<>/dev/tcp/127.0.0.1/1) 2>&1 | grep -q "Connection refused" || exit 1
    (exec 3<>/dev/tcp/127.0.0.1/2) 2>&1 | grep -q "Permission denied" || exit 2'
verdict $? "its policy decides: allowed is refused by nobody, denied by policy"
try 0 "$pillion" run --solo "$solo" --log "$tmp/log" -- \
    bash -c '(exec 3<>/dev/tcp/127.0.0.1/2); true' && whole_log "$tmp/log" &&
    try 0 "$pillion" decisions --log "$tmp/log" --denied --json && out '"resource":"127.0.0.1:2"' &&
    out '"verdict":"deny"'
verdict $? "--log keeps the denial, and decisions --log shows it"
try 0 "$pillion" decisions --log "$tmp/log" --workload nobody --json && ! out .
verdict $? "decisions of another workload are none"
try 0 "$pillion" run --solo "$solo" --log - -- true && err '"event":"start"'
verdict $? "--log - goes to stderr"

cat >"$tmp/bash.conf" <<END
schema = 1
default = allow
workload "completes" { exe = "$(readlink -f "$(command -v bash)")" }
END
chmod 644 "$tmp/bash.conf"
PATH=$BUILD:$PATH try 0 "$pillion" run --solo "$tmp/bash.conf" -- bash -c '. dist/pillion.bash
    _pillion_workloads
    _pillion_processes | grep -qx "$$" && echo found' && out '^completes$' && out '^found$'
verdict $? "completion offers the workloads and processes that are attached"
try 0 "$pillion" run --solo "$tmp/bash.conf" -- "$pillion" run -- sh -c 'echo "$LD_PRELOAD"' &&
    out "^$BUILD/[\$]LIB/libpillion.so\$"
verdict $? "run under run finds the same policyd, and adds no second library"

# ---- a private policyd that cannot start ---------------------------------------------------------

sed 's/effect = allow/efect = allow/' "$solo" >"$tmp/wrong.conf"
chmod 644 "$tmp/wrong.conf"
try 125 "$pillion" run --solo "$tmp/wrong.conf" -- touch "$tmp/was-run" && err 'wrong.conf:6' &&
    err efect &&
    [ ! -e "$tmp/was-run" ]
verdict $? "errors of the policy are shown and nothing is run"
try 125 "$pillion" run --solo /no/such.conf -- true && err '/no/such.conf'
verdict $? "a policy that is not there is 125"
try 3 "$pillion" run --socket "$tmp/nobody" -- touch "$tmp/was-run" && err "$tmp/nobody" &&
    [ ! -e "$tmp/was-run" ]
verdict $? "without policyd nothing is run, and the code is 3"
try 2 "$pillion" run --solo "$solo" --socket x -- true
verdict $? "--solo with --socket is wrong usage"
try 2 "$pillion" run --timeout 0 -- true && err '600000'
verdict $? "a timeout of nothing is wrong usage"
try 2 "$pillion" run
verdict $? "no program is wrong usage"

# ---- afterwards ----------------------------------------------------------------------------------

# The keeper is policyd's parent and ends last; tail waits for it.
try 0 "$pillion" run --solo "$solo" -- sh -c '
    "$1" status --json | sed -n "s|^  \"socket\": \"\(.*\)/[^/]*\",*|\1|p
        s|^  \"pid\": \([0-9]*\),*|\1|p"' sh "$pillion"
{ read -r policyd; read -r last; } <"$tmp/out"
keeper=$(ps -o ppid= -p "$policyd" 2>/dev/null | tr -d ' ')
[ -z "$keeper" ] || [ "$keeper" -le 1 ] || timeout 30 tail -s 0.05 -f /dev/null --pid="$keeper"
[ -n "$policyd" ] && ! kill -0 "$policyd" 2>/dev/null && [ -n "$last" ] && [ ! -e "$last" ]
verdict $? "the private folder is gone when its policyd is"

# A library that never says hello: tests/programs/04_proof_of_load.sh has the rest.
mkdir "$tmp/fake"
cp "$pillion" "$BUILD/policyd" "$tmp/fake/"
${CC:-cc} -shared -fPIC -o "$tmp/fake/libpillion.so" "$tmp/empty.c"
try 123 "$tmp/fake/pillion" run --solo "$solo" --timeout 200 -- sleep 50 && err 'did not say hello'
verdict $? "a program whose library says no hello is ended with 123"
printf '%080d' 0 >"$tmp/fake/libpillion.so" # more than the header of an ELF file
timeout 60 "$tmp/fake/pillion" run --solo "$solo" -- true >"$tmp/out" 2>"$tmp/err"
err 'libpillion.so is passed over: it is neither'
verdict $? "a library that is none is passed over with a word"

[ "$number" -ge 24 ] || echo "not ok - only $number checks ran"

# ---- a socket by a short name ------------------------------------------------------------------

printf 'socket = "%s/near.sock"\nabstract = ""\npolicy = {"%s"}\nlog = "%s/near.log"\n' \
    "$tmp" "$solo" "$tmp" >"$tmp/near.conf"
chmod 600 "$tmp/near.conf"
later "$BUILD/policyd" -f -c "$tmp/near.conf"
ready "$pillion" status -s "$tmp/near.sock" >/dev/null
cd "$tmp" || exit 1
try 0 "$pillion" run -s near.sock -- sh -c 'cd / && echo "$PILLION_SOCKET"' &&
    out "^$tmp/near.sock\$"
verdict $? "a program finds a socket that was named from this folder"
