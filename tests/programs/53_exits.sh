#!/bin/sh
# A thousand processes end in every way there is, in the middle of their calls too: none of them
# hangs, and policyd is left with as many sessions, processes and descriptors as before.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}") || exit 1
[ -x "$BUILD/policyd" ] && [ -x "$BUILD/pillion" ] && [ -f "$BUILD/libpillion.so" ] ||
    { echo "not ok - pillion, policyd and libpillion.so are built in $BUILD"; exit 1; }
. tests/victims/common
cp tests/victims/deny.conf "$tmp/policy.conf"
chmod 600 "$tmp/policy.conf"
start_policyd "$tmp/policy.conf" || { echo "not ok - policyd starts"; exit 1; }

# What policyd holds, but for the request that asks.
held() {
    "$BUILD/pillion" status --socket "$socket" --json |
        perl -MJSON::PP -0ne '$s = decode_json $_; print "$s->{sessions} $s->{processes}"'
    echo " $(find "/proc/$policyd_pid/fd" -mindepth 1 | wc -l)"
}
as_before() {
    [ "$(held)" = "$before" ]
}

before=$(held)
# The program counts what became of its children by itself.
check "a thousand ends are as they are without Pillion" sh -c '
    "$1" >"$3/native" && "$2/pillion" run --socket "$4" -- "$1" >"$3/pillion" &&
    diff "$3/native" "$3/pillion" && grep -q "^killed: 200$" "$3/pillion"' \
    sh "$BUILD/victims/exits" "$BUILD" "$tmp" "$socket"
check "policyd holds what it held before" wait_for as_before
before_size=$(awk '/^VmData/ { print $2 }' "/proc/$policyd_pid/status")
for _ in 1 2 3; do
    "$BUILD/pillion" run --socket "$socket" -- "$BUILD/victims/exits" >/dev/null
done
check "and again after three thousand more" wait_for as_before
after_size=$(awk '/^VmData/ { print $2 }' "/proc/$policyd_pid/status")
check "its memory has not grown by more than a MiB" test $((after_size - before_size)) -le 1024
