#!/bin/sh
# Programs of both word sizes that start each other: each is covered, each is denied what the policy
# denies, and the loader has nothing to say. Without the 32-bit library each way in is refused.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}") || exit 1
[ -e "$BUILD/lib/i386-linux-gnu/libpillion.so" ] || {
    echo "ok - programs of both classes # SKIP there is no 32-bit library: the compiler has no -m32"
    exit 0
}
unset LD_PRELOAD PILLION_SOCKET
ulimit -c 0
. tests/victims/common
export LC_ALL=C

# Says how wide it is and what it may do, then becomes the next program.
cat >"$tmp/link.c" <<'END'
#include "tests/victims/victim.h"

int main(int argc, char **argv)
{
    int port, server = serve(SOCK_STREAM, &port);

    printf("%zu bits, %s\n", sizeof(void *) * 8, covered() ? "covered" : "not covered");
    try_dial("allowed", "127.0.0.1", port);
    try_dial("denied", "127.0.0.2", port);
    close(server);
    fflush(stdout);
    if (getenv("ASK") && system(getenv("ASK")) != 0)
        return 1;
    if (argc > 1 && execve(argv[1], argv + 1, getenv("CLEAN") ? (char *[]){NULL} : environ))
        say("exec", -1);
    return 0;
}
END
for bits in 32 64; do
    ${CC:-cc} -m$bits -D_GNU_SOURCE -I. -o "$tmp/p$bits" "$tmp/link.c" ||
        { echo "not ok - a program of $bits bits is built"; exit 1; }
done
install -m 644 tests/victims/deny.conf "$tmp/deny.conf"

one() { # BITS: what a covered program of that class says
    printf '%s bits, covered\nallowed: ok\ndenied: EACCES\n' "$1"
}
says_exactly() { # WANT COMMAND...: that on stdout, nothing on stderr
    want=$1
    shift
    timeout 60 "$@" >"$tmp/said" 2>"$tmp/err" </dev/null
    [ "$(cat "$tmp/said")" = "$want" ] && [ ! -s "$tmp/err" ] && return 0
    cat "$tmp/said" "$tmp/err"
    return 1
}
run="$BUILD/pillion run --solo $tmp/deny.conf --"
p32=$tmp/p32 p64=$tmp/p64

check "run starts a 32-bit program" says_exactly "$(one 32)" $run "$p32"
check "64-bit, 32-bit, 64-bit, 32-bit: each is covered" says_exactly \
    "$(one 64; one 32; one 64; one 32)" $run "$p64" "$p32" "$p64" "$p32"
check "and each that clears its environment" says_exactly \
    "$(one 64; one 32; one 64)" env CLEAN=1 $run "$p64" "$p32" "$p64"
check "a shell's children, its environment emptied" says_exactly \
    "$(one 32; one 64)" $run sh -c "env -i '$p32' '$p64'"

# The daemon tells from the file that the kernel runs; what the process says does not count.
attested() {
    ASK="'$BUILD/pillion' status --processes --json" timeout 60 $run "$p32" >"$tmp/said" 2>&1
    cat "$tmp/said"
    grep -A1 "\"exe\": \"$p32\"" "$tmp/said" | grep -q '"class": "32-bit"' &&
        grep -A1 "\"exe\": \"$BUILD/pillion\"" "$tmp/said" | grep -q '"class": "64-bit"'
}
check "status says the class of each" attested

# ---- without the 32-bit library ------------------------------------------------------------------

fresh() { # NAME: a command and a daemon without a library
    mkdir -p "$tmp/$1/lib/x86_64-linux-gnu"
    cp "$BUILD/pillion" "$BUILD/policyd" "$tmp/$1"
}
fresh alone && cp "$BUILD/libpillion.so" "$tmp/alone"
fresh none && cp "$BUILD/libpillion.so" "$tmp/none/lib/x86_64-linux-gnu"
fresh half && cp "$BUILD/libpillion.so" "$tmp/half/lib/x86_64-linux-gnu"
mkdir "$tmp/half/lib/i386-linux-gnu"
cp "$BUILD/lib/i386-linux-gnu/libpillion.so" "$tmp/half/lib/i386-linux-gnu"

refuses() { # FOLDER TEXT
    timeout 60 "$tmp/$1/pillion" run --solo "$tmp/deny.conf" -- "$p32" >"$tmp/said" 2>"$tmp/err"
    [ $? -eq 126 ] && [ ! -s "$tmp/said" ] && grep -q '(class)' "$tmp/err" &&
        grep -q "$2" "$tmp/err" && return 0
    cat "$tmp/said" "$tmp/err"
    return 1
}
check "a library that stands alone serves its own class" refuses alone 'remedy: '
check "what is missing is named" refuses none \
    "32-bit program, and $tmp/none/lib/i386-linux-gnu/libpillion.so is not there"
check "both places of it are needed" refuses half "$tmp/half/lib32/libpillion.so is not there"

policy() { # COVERAGE
    cat >"$tmp/new" <<END
schema = 1
default = allow
workload "first" { exe = "$p64"  coverage = $1 }
policy "all" { applies = {"*"}  rule "all" { effect = allow } }
END
    chmod 644 "$tmp/new"
    mv "$tmp/new" "$tmp/policy.conf"
}
policy required
BUILD=$tmp/none
start_policyd "$tmp/policy.conf" || { echo "not ok - policyd starts"; exit 1; }
try_child() {
    timeout 60 "$tmp/none/pillion" run --socket "$socket" -- "$p64" "$p32" >"$tmp/said" 2>"$tmp/err"
    cat "$tmp/said" "$tmp/err"
}
child_is_refused() {
    try_child
    [ "$(tail -1 "$tmp/said")" = "exec: EACCES" ] && ! grep -q '^32 bits' "$tmp/said"
}
check "a 64-bit parent may not start it where coverage is required" child_is_refused
check "and the log says so" wait_for grep -q '"exec-refused".*"class"' "$tmp/decisions.log"
policy report
"$tmp/none/pillion" reload --socket "$socket" >/dev/null
child_is_lost() {
    try_child
    grep -q '^32 bits, not covered' "$tmp/said"
}
check "where it is not, it runs uncovered" child_is_lost
check "and the log says that" wait_for grep -q '"coverage-lost".*"class"' "$tmp/decisions.log"
