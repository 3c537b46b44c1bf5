#!/bin/sh
# tests/one.sh on made-up tests: they are counted, and what failed is kept with the
# lines that say why.
set -u
. "$(dirname "$0")/../common"

made() { # the test's text on stdin: leaves what one.sh says in $tmp/out
    cat >"$tmp/made.sh"
    BUILD=$tmp/build sh tests/one.sh "$tmp/made.sh" >"$tmp/out" 2>&1
    why=$tmp/build/results/$tmp/made.sh.why
}

made <<'END'
echo "ok 1 - good"
echo "ok 2 - left out # SKIP because"
END
out '1 ok, 1 skipped$' && out 'left out # SKIP because' && [ ! -e "$why" ]
verdict $? "good and skipped ones are counted, and nothing is to be told"
made <<'END'
echo "ok 1 - good"
echo "not ok 2 - bad"
seq -f '# line %g' 50
echo "ok 3 - good again"
echo "said before"
echo "not ok 4 - bad as well"
END
{
    echo "not ok 2 - bad"
    seq -f '    # line %g' 11 50
    echo "not ok 4 - bad as well"
    echo "    said before"
} >"$tmp/want"
out '2 ok, 2 FAILED$' && diff "$tmp/want" "$why" >"$tmp/err"
verdict $? "a failure is kept with the last forty lines behind it, or those before it"
made <<'END'
echo "ok 1 - good"
echo "last words"
exit 3
END
printf 'not ok - made ended with status 3\n    last words\n' >"$tmp/want"
out '1 ok, 1 FAILED$' && diff "$tmp/want" "$why" >"$tmp/err"
verdict $? "a test that ends badly without a word is a failure, with its last words"
made <<'END'
END
out '0 ok, 1 FAILED$' && grep -qx 'not ok - made said nothing' "$why"
verdict $? "and so is one that says nothing"
