#!/bin/sh
# also: 46
# Environments that are cleaned on the way: env -i, a copy of what cron and sudo do, su, a shell's
# exec -c; what is started stays governed, and what cannot be is told, or not started.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}") || exit 1
[ -x "$BUILD/policyd" ] && [ -x "$BUILD/pillion" ] && [ -f "$BUILD/libpillion.so" ] ||
    { echo "not ok - pillion, policyd and libpillion.so are built in $BUILD"; exit 1; }
. tests/victims/common
caller=$BUILD/victims/caller

cat >"$tmp/policy.conf" <<CONF
$(cat tests/victims/deny.conf)
workload "shut" { exe = "$tmp/strict-sh"  coverage = required }
CONF
chmod 600 "$tmp/policy.conf"
cp "$(readlink -f /bin/sh)" "$tmp/strict-sh"
start_policyd "$tmp/policy.conf" || { echo "not ok - policyd starts"; exit 1; }

# governed TEXT COMMAND...: it answers like a program that the policy holds for.
governed() {
    text=$1
    shift
    start_program "$BUILD/pillion" run --socket "$socket" -- "$@"
    got=$(ask 127.0.0.1)/$(ask 127.0.0.2)
    stop_program
    if [ "$got" = ok/EACCES ] || [ "$got" = ECONNREFUSED/EACCES ]; then
        echo "ok - $text"
    else
        echo "not ok - $text"
        echo "# it said $got"
        sed 's/^/# /' "$tmp/program.err" | head -5
    fi
}

run() { # COMMAND...: as a child of a governed shell
    "$BUILD/pillion" run --socket "$socket" -- sh -c '"$@"; exit $?' sh "$@"
}

governed "a cleaned environment: env -i" env -i "$caller"
governed "env -i in a shell" sh -c 'env -i "$1"; exit' sh "$caller"
governed "cron's way: three variables and a shell" perl -e '
    %ENV = (HOME => "/", SHELL => "/bin/sh", PATH => "/usr/bin:/bin");
    exec "/bin/sh", "-c", "\"$ARGV[0]\"; exit" or die $!' "$caller"
governed "sudo's way: a list of what is kept, by fork and exec" perl -e '
    my %keep = map { $_ => $ENV{$_} } grep { /^(TERM|LANG|PATH)$/ } keys %ENV;
    my $pid = fork // die $!;
    if (!$pid) { %ENV = %keep; exec $ARGV[0] or die $! }
    waitpid $pid, 0' "$caller"
command -v bash >/dev/null && governed "bash: exec -c" bash -c 'exec -c "$1"' sh "$caller"
command -v bash >/dev/null && governed "bash: unset LD_PRELOAD, and a subshell" bash -c \
    'unset LD_PRELOAD PILLION_SOCKET; ("$1"; :)' sh "$caller"
governed "python3: an empty environment" python3 -c \
    'import subprocess, sys; subprocess.run([sys.argv[1]], env={})' "$caller"
governed "perl: open of a pipe" perl -e \
    '%ENV = (); open my $p, "|-", $ARGV[0] or die $!; $p->autoflush;
     print $p $_ while <STDIN>' "$caller"
governed "system with another preload" perl -e '
    $ENV{LD_PRELOAD} = "libm.so.6"; system @ARGV' "$caller"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    cp "$caller" "$tmp/caller" && chmod 755 "$tmp/caller"
    governed "setpriv: a reset environment" \
        setpriv --reuid root --regid root --clear-groups --reset-env "$tmp/caller"
fi

# What leaves: a static program.
printf 'int main(void) { return 7; }\n' | ${CC:-cc} -static -x c -o "$tmp/static" - || exit 1
run env -i "$tmp/static"
check "a static program is started where the policy lets it" test $? = 7
check "and the log says that it is not covered" wait_for grep -q \
    '"event":"coverage-lost".*"path":"'"$tmp/static"'".*"reason":"static"' "$tmp/decisions.log"
"$BUILD/pillion" run --socket "$socket" -- "$tmp/strict-sh" -c '"$1"; exit $?' sh "$tmp/static" \
    2>"$tmp/err"
check "where the policy requires coverage it is not" test $? = 126
check "and the log says so" wait_for grep -q \
    '"event":"exec-refused".*"path":"'"$tmp/static"'".*"reason":"static"' "$tmp/decisions.log"
