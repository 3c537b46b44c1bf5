#!/bin/sh
# Runs one test file, says what became of it, and leaves that in $BUILD/results/ in the same words:
#
#   tests/one.sh FILE       a file of tests/unit, checks, victims or programs, or compatibility.sh
#
# Everything that is run speaks TAP: one line "ok ..." or "not ok ..." per test, "# SKIP reason"
# behind it when it was skipped. CMocka does so by itself. A program that ends badly without
# having said "not ok" counts as one failure more. What failed is shown whole, the rest in a line.
#
# A result is a line "ok", "failed" or "skipped", a tab, what was tested, and, when it was skipped,
# a tab and the reason. Beside it, in a file .why, is each failure with the lines that say why.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
CMOCKA_MESSAGE_OUTPUT=TAP
export BUILD CMOCKA_MESSAGE_OUTPUT
file=$1
name=$(basename "$file")
name=${name%.*}
result=$BUILD/results/${file#tests/}
mkdir -p "$(dirname "$result")" || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log" "$log.show"' EXIT

case $file in
tests/unit/*.c) set -- "$BUILD/tests/$name" ;;
tests/victims/*.c) set -- env VICTIMS="$name" sh tests/victims/run.sh ;;
tests/compatibility.sh) set -- sh "$file" check ;;
*) set -- sh "$file" ;;
esac
# The slowest takes a minute; under load it may take several times that.
timeout 600 "$@" >"$log" 2>&1 </dev/null
status=$?

# CMocka says "not ok N # SKIP" of a test that skipped itself, and counts it as passed.
results() {
    start='^\(not \)\{0,1\}ok *[0-9]* *-* *' skip='# *[Ss][Kk][Ii][Pp] *'
    sed -n -e "s/$start\(.*[^ ]\) *$skip\(.*\)/skipped\t\2\t\3/p;t" \
        -e "s/$start$skip\(.*\)/skipped\t$name\t\2/p;t" \
        -e 's/^not ok *[0-9]* *-* */failed\t/p;t' -e 's/^ok *[0-9]* *-* */ok\t/p' "$log"
}
results >"$result"
count() { grep -c "^$1" "$result"; }
if [ "$status" -ne 0 ] && [ "$(count failed)" -eq 0 ]; then
    echo "not ok - $name ended with status $status" >>"$log"
elif [ ! -s "$result" ]; then
    echo "not ok - $name said nothing" >>"$log"
fi
results >"$result"

# Each "not ok" with the lines behind it, or, where none follow, with those before it: of a program
# that ended without a word of its own they are the only ones. At most the last forty.
failures() {
    awk -v most=40 '
        function tell(lines, count, i) {
            for (i = count > most ? count - most + 1 : 1; i <= count; i++)
                print "    " lines[i]
        }
        function done() {
            if (failed != "") {
                print failed
                if (now > 0) tell(line, now)
                else tell(before, earlier)
            }
            earlier = now
            for (i = 1; i <= now; i++) before[i] = line[i]
            now = 0
        }
        /^(not )?ok/ {
            done()
            failed = /^not/ && tolower($0) !~ /# *skip/ ? $0 : ""
            next
        }
        { line[++now] = $0 }
        END { done() }' "$log"
}
if [ "$(count failed)" -eq 0 ]; then rm -f "$result.why"; else failures >"$result.why"; fi

show() {
    printf '%-44s %3d ok' "$(echo "${file#tests/}" | sed 's/\.[a-z]*$//; s|unit/test_|unit/|')" \
        "$(count ok)"
    [ "$(count skipped)" -eq 0 ] || printf ', %d skipped' "$(count skipped)"
    [ "$(count failed)" -eq 0 ] || printf ', %d FAILED' "$(count failed)"
    echo
    grep -i '^\(not \)\?ok.*# skip' "$log" | sed 's/^/    /'
    [ "$(count failed)" -eq 0 ] || sed 's/^/    | /' "$log"
}
# At once, because others write there too.
show >"$log.show"
cat "$log.show"
exit 0
