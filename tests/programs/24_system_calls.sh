#!/bin/sh
# also: 13
# What a connection costs once it is decided, told in system calls, which do not depend on the
# machine: those that the program makes, and one more for each accept (which address was it?). The
# data path is not touched at all. How long all that takes is measured by `make bench`.
set -u
. "$(dirname "$0")/common"
victim=$BUILD/victims/data
need strace perl
if ! strace -o /dev/null true 2>/dev/null; then
    echo "ok - $subject # SKIP nothing may be traced here"
    exit 0
fi
[ -x "$victim" ] || { echo "not ok - $victim is built"; exit 1; }

# The calls of a run, by name, from the program's start on.
calls() { # COMMAND...
    strace -o "$tmp/trace" "$@" >/dev/null 2>&1 </dev/null
    perl -ne '
        $on ||= /^execve\("[^"]*\/data"/ or next;
        $n{$1}++ if /^(\w+)\(/;
        END { print "$_ $n{$_}\n" for sort keys %n }' "$tmp/trace"
}

# What N more connections, or exchanges, add to a run: "name count" lines.
more() { # FEW MANY COMMAND...
    few=$1 many=$2
    shift 2
    # shellcheck disable=SC2086
    calls "$@" $few >"$tmp/few"
    # shellcheck disable=SC2086
    calls "$@" $many >"$tmp/many"
    awk 'NR == FNR { few[$1] = $2; next }
        $2 - few[$1] != 0 { print $1, $2 - few[$1] }' "$tmp/few" "$tmp/many"
}

under="$BUILD/pillion run --solo $allow --"

# Verdicts end after ten seconds and the link is looked after once a second. A hundred connections
# take a few milliseconds; where they take a second they are counted again.
compare() { # TEXT WANT FEW MANY
    for _ in 1 2 3 4 5; do
        # shellcheck disable=SC2086
        more "$3" "$4" $under "$victim" >"$tmp/got"
        if [ "$2" = "$(cat "$tmp/got")" ]; then
            echo "ok - $1"
            return
        fi
    done
    echo "not ok - $1"
    echo "$2" | diff - "$tmp/got" | sed 's/^/# /'
}

compare "a hundred connections: one call more for each accept" \
    "$(more '10 1' '110 1' "$victim" | awk '
        $1 == "getsockname" { $2 += 100; seen = 1 } { print }
        END { if (!seen) print "getsockname 100" }' | sort)" '10 1' '110 1'
compare "a thousand exchanges of data: none more" "$(more '5 1' '5 101' "$victim")" '5 1' '5 101'
