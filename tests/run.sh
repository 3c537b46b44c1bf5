#!/bin/sh
# Runs tests and counts them: tests/run.sh [units|checks|victims|programs ...], all by default.
#
# Everything that is run speaks TAP: one line "ok ..." or "not ok ..." per test, "# SKIP reason"
# behind it when it was skipped. CMocka does so by itself. A program that ends badly without
# having said "not ok" counts as one failure more. What failed is shown whole, the rest in a line.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD CMOCKA_MESSAGE_OUTPUT=TAP
passed=0 failed=0 skipped=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

run_one() {
    name=$1
    shift
    timeout 300 "$@" >"$log" 2>&1 </dev/null
    status=$?
    # CMocka says "not ok N # SKIP" of a test that skipped itself, and counts it as passed.
    skip=$(grep -ci '^\(not \)\?ok.*# skip' "$log")
    not_ok=$(grep -i '^not ok' "$log" | grep -vci '# skip')
    ok=$(grep -i '^ok' "$log" | grep -vci '# skip')
    if [ "$status" -ne 0 ] && [ "$not_ok" -eq 0 ]; then
        not_ok=1
        echo "not ok - $name ended with status $status" >>"$log"
    elif [ $((ok + skip + not_ok)) -eq 0 ]; then
        not_ok=1
        echo "not ok - $name said nothing" >>"$log"
    fi
    passed=$((passed + ok)) failed=$((failed + not_ok)) skipped=$((skipped + skip))
    printf '%-44s %3d ok' "$name" "$ok"
    [ "$skip" -gt 0 ] && printf ', %d skipped' "$skip"
    [ "$not_ok" -gt 0 ] && printf ', %d FAILED' "$not_ok"
    echo
    grep -i '^\(not \)\?ok.*# skip' "$log" | sed 's/^/    /'
    [ "$not_ok" -gt 0 ] && sed 's/^/    | /' "$log"
    return 0
}

run_group() {
    case $1 in
    units) for t in tests/unit/test_*.c; do
               t=$(basename "$t" .c)
               run_one "unit/${t#test_}" "$BUILD/tests/$t"
           done ;;
    *) for t in tests/"$1"/*.sh; do
           [ -e "$t" ] && run_one "$1/$(basename "$t" .sh)" sh "$t"
       done ;;
    esac
}

[ $# -eq 0 ] && set -- units checks victims programs
for group in "$@"; do
    run_group "$group"
done
[ "$skipped" -gt 0 ] && echo "$skipped skipped, each with its reason above"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
