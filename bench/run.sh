#!/bin/sh
# Runs every bench of $BUILD/bench, one after the other, and reports. With arguments: only those
# benches (bench/run.sh redis nginx); the targets of the others are then not measured.
# Exit: 0 when everything could be measured, whether or not the targets were met.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
PATH=$PATH:/usr/sbin:/sbin
export BUILD PATH
rows=$BUILD/bench/rows
failed=''

if [ $# -eq 0 ]; then
    for source in bench/bench_*.c; do
        name=${source#bench/bench_}
        set -- "$@" "${name%.c}"
    done
fi
mkdir -p "$BUILD/bench" && : >"$rows" || exit 1
for bench in "$@"; do
    echo "measuring: $bench" >&2
    "$BUILD/bench/bench_$bench" >"$rows.one" || failed="$failed $bench"
    cat "$rows.one" >>"$rows"
done
rm -f "$rows.one"
"$BUILD/bench/report" bench/targets "$BUILD/bench.json" <"$rows"
status=$?
[ -z "$failed" ] || { echo "failed to run:$failed" >&2; exit 1; }
exit $status
