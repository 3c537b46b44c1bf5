#!/bin/sh
# What tests/compatibility.sh makes of results: failures, skips, tests that did not run, and a page
# that is not what the tests yield. The results are made up here; nothing else is run.
set -u
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
results=$tmp/results

everything_is_good() {
    rm -rf "$results"
    mkdir -p "$results/victims" "$results/programs"
    for file in tests/victims/*.c tests/victims/*.sh tests/programs/*.sh; do
        printf 'ok\tall of it\n' >"$results/${file#tests/}"
    done
}

judged() { BUILD=$tmp sh tests/compatibility.sh check; }

says() { # TEXT PATTERN: a line of what is judged matches it
    judged >"$tmp/out" 2>&1
    if grep -qE "$2" "$tmp/out"; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        sed 's/^/# /' "$tmp/out" | head -20
    fi
}

of_item() { ls "$results"/*/"$1"_*; }

everything_is_good
judged >"$tmp/out"
if grep -qE '^not ok - item' "$tmp/out"; then
    echo "not ok - with good results no item fails"
    sed 's/^/# /' "$tmp/out"
else
    echo "ok - with good results no item fails"
fi
printf 'failed\tthe frame was wrong\n' >>"$(of_item 20 | head -1)"
says "a failed test fails its item, in its words" '^not ok - item 20 fails: the frame was wrong'
everything_is_good
for result in $(of_item 20); do
    printf 'skipped\tall\tno frame here\n' >"$result"
done
says "an item with nothing but skips is skipped, with the reason" \
    '^ok - item 20 .*# SKIP no frame here'
everything_is_good
printf 'skipped\tall\tno java here\n' >"$results/programs/26_java.sh"
judged >"$tmp/out"
if grep -q 'item 2[56]' "$tmp/out"; then
    echo "not ok - an item of which another test ran is judged by that"
else
    echo "ok - an item of which another test ran is judged by that"
fi
everything_is_good
rm "$(of_item 20 | head -1)"
says "a test that did not run is told" '^not ok - item 20 not run: no result of'
if BUILD=$tmp sh tests/compatibility.sh >"$tmp/out" 2>&1; then
    echo "not ok - and no page is written then"
else
    echo "ok - and no page is written then"
fi

# In a copy of what it reads: an item without a test, and a page that somebody wrote by hand.
copy=$tmp/copy
mkdir -p "$copy/docs"
cp -r tests "$copy/tests"
cd "$copy" || exit 1
everything_is_good
BUILD=$tmp sh tests/compatibility.sh >/dev/null 2>&1
says "a page that was just written is what the tests yield" '^ok - docs/compatibility.md is what'
sed -i 's/| passes |/| perfect |/' docs/compatibility.md
says "one that was changed is not" '^not ok - docs/compatibility.md is what'
rm "$copy"/tests/*/20_*
says "an item without a test fails" '^not ok - item 20 untested: no test'
