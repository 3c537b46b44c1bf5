#!/bin/sh
# Runs tests and counts them: tests/run.sh [units|checks|victims|programs|mtls ...], all by default.
#
# Each file is run by tests/one.sh, as many at a time as there are processors (JOBS), and leaves
# what it said in $BUILD/results/, which tests/compatibility.sh reads. After a run of everything
# docs/compatibility.md is held against these results. What failed is told again at the end, with
# the lines that say why.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 1)}
results=$BUILD/results
list=$(mktemp) || exit 1
trap 'rm -f "$list"' EXIT

# The files of a group; tests/README.md says what each is.
files_of() {
    case $1 in
    units) printf '%s\n' tests/unit/test_*.c ;;
    victims)
        grep -L '^// steered> ' tests/victims/*.c
        printf '%s\n' tests/victims/*.sh | grep -v '/run\.sh$'
        ;;
    *) printf '%s\n' tests/"$1"/*.sh ;;
    esac
}

count() { # WORD: how many results of this run begin with it
    while read -r file; do
        cat "$results/${file#tests/}" 2>/dev/null
    done <"$list" | grep -c "^$1"
}

whole=no
[ $# -gt 0 ] || { whole=yes && set -- units checks victims programs mtls; }
[ $whole = no ] || rm -rf "$results"
for group in "$@"; do
    files_of "$group"
done >"$list"
xargs -P "$JOBS" -n 1 sh tests/one.sh <"$list"
if [ $whole = yes ]; then
    echo tests/compatibility.sh >>"$list"
    sh tests/one.sh tests/compatibility.sh
fi
while read -r file; do
    [ ! -s "$results/${file#tests/}.why" ] || sed "1s|^|$file:\n|" "$results/${file#tests/}.why"
done <"$list"
passed=$(count ok) failed=$(count failed) skipped=$(count skipped)
[ "$skipped" -gt 0 ] && echo "$skipped skipped, each with its reason above"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
