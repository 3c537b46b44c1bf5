#!/bin/sh
# What a program sees when policyd stops, dies, lies or is somebody else's: no call goes through
# that a fresh cached verdict does not cover, no call hangs, and calls work again by themselves.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}") || exit 1
[ -x "$BUILD/policyd" ] && [ -x "$BUILD/pillion" ] && [ -f "$BUILD/libpillion.so" ] ||
    { echo "not ok - pillion, policyd and libpillion.so are built in $BUILD"; exit 1; }
. tests/victims/common
caller=$BUILD/victims/caller

# Without the command in between, which would refuse to start under a false policyd. Nobody serves
# port 1: a call that gets through ends with ECONNREFUSED.
bare() {
    env LD_PRELOAD="$BUILD/libpillion.so" PILLION_SOCKET="$socket" "$caller" 1
}

cp tests/victims/deny.conf "$tmp/policy.conf"
chmod 600 "$tmp/policy.conf"
start_policyd "$tmp/policy.conf" || { echo "not ok - policyd starts"; exit 1; }
start_program "$BUILD/pillion" run --socket "$socket" -- "$caller"
says "allowed to begin with" 127.0.0.1 ok
says "denied to begin with" 127.0.0.2 EACCES

kill -STOP "$policyd_pid"
says "policyd stopped: what is cached is served" 127.0.0.1 ok
says "policyd stopped: what is not cached is refused in time" 127.0.0.5 EACCES
says "policyd stopped: and again" 127.0.0.6 EACCES
says "policyd stopped: names are refused" resolve EAI_FAIL
kill -CONT "$policyd_pid"
check "policyd continued: calls are served again" wait_for answers 127.0.0.5 ok
check "policyd continued: names too" wait_for answers resolve ok

stop_policyd KILL
says "policyd killed: what is cached is served" 127.0.0.5 ok
says "policyd killed: what is not cached is refused" 127.0.0.7 EACCES
start_policyd "$tmp/policy.conf" || echo "not ok - policyd starts again"
check "policyd back: calls are served again" wait_for answers 127.0.0.7 ok
says "policyd back: and denied" 127.0.0.2 EACCES

echo 'policy "x" { applies = {"nobody-knows"' >"$tmp/policy.conf"
check "a broken policy is refused by reload" \
    sh -c '! "$1/pillion" reload --socket "$2"' sh "$BUILD" "$socket"
says "a broken policy keeps the old one: allowed" 127.0.0.8 ok
says "a broken policy keeps the old one: denied" 127.0.0.2 EACCES
check "status tells why" sh -c '"$1/pillion" status --socket "$2" --json | grep -q policy.conf' \
    sh "$BUILD" "$socket"
sed 's/127.0.0.2/127.0.0.8/' tests/victims/deny.conf >"$tmp/policy.conf"
check "a good policy is taken by reload" "$BUILD/pillion" reload --socket "$socket"
says "it holds at the next call: denied now" 127.0.0.8 EACCES
says "it holds at the next call: allowed now" 127.0.0.2 ok
stop_program
stop_policyd

if ! command -v socat >/dev/null; then
    echo "ok - policyd replaced # SKIP socat is not installed"
    exit 0
fi
# Frames of noise to whoever connects.
socat -u -b 512 "SYSTEM:head -c 200000 /dev/urandom" "UNIX-LISTEN:$socket,type=5,fork" \
    2>/dev/null &
fake_pid=$!
check "a false policyd talks nonsense" wait_for sh -c \
    'test "$(timeout 2 socat -u "UNIX-CONNECT:$1,type=5" - | head -c 16 | wc -c)" = 16' \
    sh "$socket"
start_program bare
says "policyd talks nonsense: refused" 127.0.0.1 EACCES
says "policyd talks nonsense: and again" 127.0.0.1 EACCES
stop_program
kill "$fake_pid"
wait "$fake_pid" 2>/dev/null
fake_pid=
rm -f "$socket"

# One that hangs up on everybody.
socat -u "SYSTEM:exit 0" "UNIX-LISTEN:$socket,type=5,fork" 2>/dev/null &
fake_pid=$!
check "a false policyd hangs up" wait_for test -S "$socket"
start_program bare
says "policyd hangs up: refused" 127.0.0.1 EACCES
stop_program
kill "$fake_pid"
wait "$fake_pid" 2>/dev/null
fake_pid=
rm -f "$socket"

start_program bare
says "no policyd at all: refused" 127.0.0.1 EACCES
says "no policyd at all: names too" resolve EAI_FAIL
stop_program

if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
    echo "ok - policyd of another user # SKIP needs root and setpriv"
    exit 0
fi
mkdir "$tmp/nobody"
chown nobody "$tmp/nobody"
socket=$tmp/nobody/policyd.sock
setpriv --reuid nobody --regid nogroup --clear-groups \
    socat -u "UNIX-LISTEN:$socket,type=5,fork" "OPEN:$tmp/nobody/heard,creat,append" 2>/dev/null &
fake_pid=$!
check "a false policyd of another user waits" wait_for sh -c 'test "$(stat -c %U "$1")" = nobody' \
    sh "$socket"
start_program bare
says "policyd of another user: refused" 127.0.0.1 EACCES
says "policyd of another user: names too" resolve EAI_FAIL
stop_program
check "policyd of another user: hears nothing" sh -c '! test -s "$1"' sh "$tmp/nobody/heard"
