#!/bin/sh
# Builds and runs the fuzz targets: tests/fuzz/run.sh, or `make fuzz`.
#
#   FUZZ_SECONDS=600   how long each target runs
#   FUZZ_ONLY=wire     only fuzz_wire.c (several names, parted by blanks, are legal)
#   FUZZ_JOBS=2        how many targets run at a time
#
# A target is a file tests/fuzz/fuzz_NAME.c whose first lines name what it is linked with:
#
#   // sources: core conf shim/cache.c -lconfuse
#
# A folder stands for all its .c files except main.c, a .c file for itself, -l... for a library.
# A folder tests/fuzz/seeds/NAME, where there is one, gives the first inputs. What a target has
# learned is kept in BUILD/fuzz/NAME.corpus, an input that broke it in BUILD/fuzz/NAME.crash-...
# The last line of output counts; the status is 1 when any target failed or could not be built.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
FUZZ_SECONDS=${FUZZ_SECONDS:-600}
FUZZ_JOBS=${FUZZ_JOBS:-2}
FUZZ_CC=${FUZZ_CC:-clang}
OUT=$BUILD/fuzz
mkdir -p "$OUT" || exit 1
command -v "$FUZZ_CC" >/dev/null || { echo "fuzz: $FUZZ_CC is not installed (make deps)"; exit 1; }

# The files and libraries that the first lines of a target name.
sources() {
    for part in $(sed -n '1,9s|^// sources: ||p' "$1"); do
        case $part in
        -l* | *.c) echo "$part" ;;
        *) ls "$part"/*.c "$part"/*/*.c 2>/dev/null | grep -v '/main\.c$' ;;
        esac
    done
}

build_one() {
    linked=$(sources "$1")
    [ -n "$linked" ] || { echo "$1: the first line names no sources"; return 1; }
    # shellcheck disable=SC2086
    "$FUZZ_CC" -std=gnu11 -D_GNU_SOURCE -I. -O1 -g -fno-omit-frame-pointer \
        -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -w \
        "$1" $linked -o "$2"
}

# One target, start to end; the last line of its report says how it went.
run_one() {
    name=$1
    report=$OUT/$name.report
    if ! build_one "tests/fuzz/fuzz_$name.c" "$OUT/fuzz_$name" >"$report" 2>&1; then
        echo "not ok - $name cannot be built, see $report" >"$OUT/$name.result"
        return
    fi
    mkdir -p "$OUT/$name.corpus"
    seeds=tests/fuzz/seeds/$name
    [ -d "$seeds" ] || seeds=
    # shellcheck disable=SC2086
    "$OUT/fuzz_$name" -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=1 -artifact_prefix="$OUT/$name." \
        "$OUT/$name.corpus" $seeds >"$report" 2>&1
    status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$report")
    if [ "$status" -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
        echo "ok - $name ran $runs inputs in $FUZZ_SECONDS s without a finding" >"$OUT/$name.result"
    else
        echo "not ok - $name ended with status $status, see $report" >"$OUT/$name.result"
    fi
}

names=${FUZZ_ONLY:-$(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_\(.*\)\.c$|\1|')}
running='' failed=0 passed=0
for name in $names; do
    rm -f "$OUT/$name.result"
    run_one "$name" &
    running="$running $!"
    # shellcheck disable=SC2086
    set -- $running
    if [ $# -ge "$FUZZ_JOBS" ]; then
        wait "$1"
        shift
        running="$*"
    fi
done
wait
for name in $names; do
    cat "$OUT/$name.result" || echo "not ok - $name left no result"
    if grep -q '^ok' "$OUT/$name.result" 2>/dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        grep -E '^(SUMMARY|==[0-9]+==ERROR|.*(error|fatal error):)' "$OUT/$name.report" | head -5
    fi
done
echo "$passed fuzz targets passed, $failed failed"
[ "$failed" -eq 0 ]
