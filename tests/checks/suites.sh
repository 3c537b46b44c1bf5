#!/bin/sh
# tests/suites/run.py, on made-up suites: a difference is found and named, and so are flaky tests,
# expected differences, parts that prove nothing, suites that cannot run, and mistakes.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/suites" "$tmp/build"
for file in pillion policyd libpillion.so lib; do
    ln -s "$(realpath "$BUILD")/$file" "$tmp/build/$file"
done
install -m 644 tests/victims/allow.conf "$tmp" || exit 1

suite() { # NAME, description on stdin
    cat >"$tmp/suites/$1.suite"
}

run() { # WORDS...: leaves out, err and status
    BUILD=$tmp/build POLICY=$tmp/allow.conf SUITES_FOLDER=$tmp/suites JOBS=1 AGAIN=2 \
        python3 -B tests/suites/run.py "$@" >"$tmp/out" 2>"$tmp/err"
    status=$?
}

is() { # TEXT STATUS, output on stdin
    cat >"$tmp/want"
    if [ "$status" = "$2" ] && diff "$tmp/want" "$tmp/out" >"$tmp/diff"; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        sed 's/^/# /' "$tmp/diff" "$tmp/err"
        echo "# status $status"
    fi
}

# Each run counts itself in a file, so that a test can say what it is to be in which of them.
cat >"$tmp/case" <<'E2'
#!/bin/sh
count=$(cat "$1.count" 2>/dev/null || echo 0)
count=$((count + 1))
echo "$count" >"$1.count"
case $LD_PRELOAD in *libpillion.so*) where=under ;; *) where=without ;; esac
case $2 in
same) printf '1..4\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP x\nnot ok 4 - d # todo x\n' ;;
preload) [ $where = without ] && echo "ok 1" || echo "not ok 1" ;;
lost) echo "ok 1"; [ $where = under ] || echo "ok 2" ;;
first) [ "$count" = 1 ] && echo "ok 1" || echo "not ok 1"; echo "ok 2" ;;
late) [ "$count" -lt 3 ] && echo "ok 1" || echo "not ok 1" ;;
status) echo "ok 1"; [ $where = without ] || kill -SEGV $$ ;;
# What comes before glibc's own, which no program can set back: make ignores those in its jobs.
signals) echo "ok - ignores $((0x$(awk '/^SigIgn/ { print $2 }' /proc/$$/status) & 0x7fffffff))" ;;
skips) echo "1..0 # SKIP x" ;;
proved) echo "t/x.t .. skipped: x" ;;
none) echo "not ok 1"; exit 1 ;;
slow) echo "ok 1"; sleep 600 ;;
junit) cat >"$3" <<E3
<testsuites><testsuite><testcase name="x.a"/><testcase name="x.b"><failure/></testcase>
<testcase name="x.c"><skipped/></testcase><testcase name="x.d"><error/></testcase>
</testsuite></testsuites>
E3
    ;;
lines) echo "a: [1] OK"; echo "b: [2] FAILED"; echo "c: DISABLED"; echo "noise" ;;
esac
E2
head="run = /bin/sh $tmp/case $tmp/{tests} {tests} {out}"
tap="$head
results = tap"

printf '[suite]\n%s\n[part p]\ntests = same\n' "$tap" | suite same
run same
is "what is the same is the same, good or bad" 0 <<E
same: 5 tests: 5 the same (1 skipped, 1 failing in both), 0 flaky, 0 expected, 0 DIFFER
suites: 1 run, 0 skipped; 5 tests: 5 the same, 0 flaky, 0 expected, 0 differ
E

printf '[suite]\n%s\n[part a]\ntests = preload\n[part b]\ntests = lost\n%s' \
    "$tap" '[part c]
tests = status' | suite differs
run differs
is "a test that differs, one that is lost, and a crash are found" 1 <<E
differs: 7 tests: 4 the same (0 skipped, 0 failing in both), 0 flaky, 0 expected, 3 DIFFER
    DIFFERS: a 1: passes without, fails under Pillion
    DIFFERS: b 2: passes without, is not run under Pillion
    DIFFERS: c (the whole): ends with 0 without, dies of signal 11 under Pillion
suites: 1 run, 0 skipped; 7 tests: 4 the same, 0 flaky, 0 expected, 3 differ
E

run differs/b
is "parts can be chosen" 1 <<E
differs: 3 tests: 2 the same (0 skipped, 0 failing in both), 0 flaky, 0 expected, 1 DIFFER
    DIFFERS: b 2: passes without, is not run under Pillion
suites: 1 run, 0 skipped; 3 tests: 2 the same, 0 flaky, 0 expected, 1 differ
E

printf '[suite]\n%s\n[part a]\ntests = first\n[part b]\ntests = late\n' "$tap" | suite flaky
run flaky
is "a flaky test is one that differs without Pillion, at once or when asked again" 0 <<E
flaky: 5 tests: 3 the same (0 skipped, 0 failing in both), 2 flaky, 0 expected, 0 DIFFER
    flaky: a 1: passes, fails
    flaky: b 1: passes, fails
suites: 1 run, 0 skipped; 5 tests: 3 the same, 2 flaky, 0 expected, 0 differ
E

printf '[suite]\n%s\n[part a]\ntests = preload\n[left out]\nx = y\n[differs]\na 1 = because\n' \
    "$tap" | suite expected
run expected
is "an expected difference is named with its reason, and so is what is left out" 0 <<E
expected: 2 tests: 1 the same (0 skipped, 0 failing in both), 0 flaky, 1 expected, 0 DIFFER
    differs as expected: a 1: passes without, fails under Pillion: because
    left out: x: y
suites: 1 run, 0 skipped; 2 tests: 1 the same, 0 flaky, 1 expected, 0 differ
E

printf '[suite]\n%s\n[part a]\ntests = none\n' "$tap" | suite none
run none
is "a command in which nothing passes proves nothing, and fails" 1 <<E
none: 2 tests: 2 the same (0 skipped, 1 failing in both), 0 flaky, 0 expected, 0 DIFFER
    PROVES NOTHING: a: ends with 1 without Pillion
suites: 1 run, 0 skipped; 2 tests: 2 the same, 0 flaky, 0 expected, 0 differ; 1 prove \
nothing
E

printf '[suite]\n%s\n[part a]\ntests = same\nfiles = *.t\n[part b]\ntests = lines\n' "$tap" |
    suite silent
run silent
is "neither does one without files or results" 1 <<E
silent: 2 tests: 2 the same (0 skipped, 0 failing in both), 0 flaky, 0 expected, 0 DIFFER
    PROVES NOTHING: a: finds no files without Pillion
    PROVES NOTHING: b: ends with 0 without results without Pillion
suites: 1 run, 0 skipped; 2 tests: 2 the same, 0 flaky, 0 expected, 0 differ; 2 prove \
nothing
E

printf '[suite]\n%s\ntimeout = 1\n[part a]\ntests = slow\n' "$tap" | suite slow
run slow
is "what takes too long is ended" 1 <<E
slow: 2 tests: 2 the same (0 skipped, 0 failing in both), 0 flaky, 0 expected, 0 DIFFER
    PROVES NOTHING: a: is ended after 1 s without Pillion
suites: 1 run, 0 skipped; 2 tests: 2 the same, 0 flaky, 0 expected, 0 differ; 1 prove \
nothing
E

printf '[suite]\n%s names\n[part p]\ntests = signals\n' \
    "$tap" | suite signals
(trap '' INT QUIT HUP TERM; BUILD=$tmp/build POLICY=$tmp/allow.conf SUITES_FOLDER=$tmp/suites \
    python3 -B tests/suites/run.py signals >"$tmp/out" 2>"$tmp/err")
if grep -q '^ok - ignores 0$' "$tmp/build/suites/results/signals/p/under/log"; then
    echo "ok - no signal is ignored because its starter ignores it"
else
    echo "not ok - no signal is ignored because its starter ignores it"
    sed 's/^/# /' "$tmp/build/suites/results/signals/p/under/log" "$tmp/out" "$tmp/err"
fi

printf '[suite]\n%s names\n[part p]\ntests = same\n[differs]\np b = x\n' "$tap" | suite names
run names
is "tests may be known by their text" 0 <<E
names: 5 tests: 5 the same (1 skipped, 1 failing in both), 0 flaky, 0 expected, 0 DIFFER
suites: 1 run, 0 skipped; 5 tests: 5 the same, 0 flaky, 0 expected, 0 differ
E

printf '[suite]\n%s\n[part a]\ntests = skips\n[part b]\ntests = proved\n' "$tap" | suite skips
run skips
is "a file that is skipped whole is one skipped test" 0 <<E
skips: 4 tests: 4 the same (2 skipped, 0 failing in both), 0 flaky, 0 expected, 0 DIFFER
suites: 1 run, 0 skipped; 4 tests: 4 the same, 0 flaky, 0 expected, 0 differ
E

lines='lines ^(?P<name>\w+): (\[.\] )?(?P<result>\w+)'
printf '[suite]\n%s\n[part a]\ntests = junit\nresults = junit\n[part b]\ntests = lines\n%s\n' \
    "$head" "results = $lines" | suite kinds
run kinds
is "results are read from JUnit files and from lines of any form" 0 <<E
kinds: 9 tests: 9 the same (2 skipped, 3 failing in both), 0 flaky, 0 expected, 0 DIFFER
suites: 1 run, 0 skipped; 9 tests: 9 the same, 0 flaky, 0 expected, 0 differ
E

printf '[suite]\npackages = that\nneeds = /nowhere/to/be/found\n%s\n[part a]\ntests = same\n' \
    "$tap" | suite missing
run missing
is "a suite that is not there is skipped, with its reason" 0 <<E
missing: skipped: /nowhere/to/be/found is missing (Debian: that)
suites: 0 run, 1 skipped; 0 tests: 0 the same, 0 flaky, 0 expected, 0 differ
E

mistake() { # TEXT MESSAGE WORDS...: refused with exactly that message
    text=$1 message=$2
    shift 2
    run "$@"
    printf 'suites: %s\n' "$message" >"$tmp/want"
    if diff "$tmp/want" "$tmp/err" >"$tmp/diff" && [ $status = 2 ] && [ ! -s "$tmp/out" ]; then
        echo "ok - $text"
    else
        echo "not ok - $text"
        sed 's/^/# /' "$tmp/diff"
    fi
}

wrong() { # TEXT MESSAGE, description on stdin
    suite wrong
    mistake "$1" "$tmp/suites/wrong.suite: $2" wrong
}

printf '[suite]\n[part a]\nruns = x\n' | wrong "an unknown key is refused" \
    "[part a]: unknown key runs; legal is environment, files, folder, results, run, tests, timeout"
printf '[suite]\n[parts]\nrun = x\n' | wrong "an unknown section is refused" \
    "[parts]; legal is suite, part NAME, left out, differs"
printf '[suite]\n[part a]\nrun = x\nresults = tea\n' |
    wrong "an unknown kind of results is refused" \
        "[part a]: results tea; legal is junit, tap, lines, exit"
printf '[suite]\n[part a]\n' |
    wrong "a part without a command is refused" "[part a]: run is missing"
printf '[suite]\n[part a]\nrun = x\nresults = tap\ntimeout = soon\n' |
    wrong "a timeout that is no number is refused" \
        "[part a]: timeout soon; legal is a number of seconds"
rm "$tmp/suites/wrong.suite"
mistake "a suite that there is not is refused" \
    "no suite nosuch; there is differs, expected, flaky, kinds, missing, names, none, same, \
signals, silent, skips, slow" nosuch
mistake "a part that there is not is refused" "no part x of same; there is p" same/x
