#!/bin/sh
# Every victim without Pillion and with it: under allow.conf both must be the same, under deny.conf
# the output must be what the victim's "// deny> " lines say. VICTIMS="name ..." runs only those.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
here=tests/victims
pillion=$BUILD/pillion
tmp=$(mktemp -d) || exit 1
# Copies, because a checkout may be writable by its group, and such a policy is refused.
install -m 644 tests/victims/*.conf "$tmp" || exit 1
trap 'rm -rf "$tmp"' EXIT
# A victim that crashes is shown by its status.
ulimit -c 0
unset LD_PRELOAD PILLION_SOCKET

# run NAME COMMAND...: leaves NAME.out, NAME.err and NAME.status.
run() {
    name=$tmp/$1
    shift
    timeout 60 "$@" >"$name.out" 2>"$name.err" </dev/null
    echo $? >"$name.status"
}

# same TEXT WANT GOT: compares what two runs left.
same() {
    for part in status out err; do
        if ! cmp -s "$tmp/$2.$part" "$tmp/$3.$part"; then
            echo "not ok - $1"
            diff "$tmp/$2.$part" "$tmp/$3.$part" | sed "s/^/# $part: /" | head -20
            return
        fi
    done
    echo "ok - $1"
}

under() { # POLICY NAME PROGRAM...
    policy=$1 into=$2
    shift 2
    run "$into" "$pillion" run --solo "$tmp/$policy.conf" -- "$@"
}

refused() { # TEXT PROGRAM: not started, with status 126 and a reason
    under allow got "$2"
    if [ "$(cat "$tmp/got.status")" = 126 ] && [ -s "$tmp/got.err" ] && [ ! -s "$tmp/got.out" ]
    then
        echo "ok - $1"
    else
        echo "not ok - $1"
        sed 's/^/# /' "$tmp/got.status" "$tmp/got.out" "$tmp/got.err"
    fi
}

one() {
    source=$here/$1.c program=$BUILD/victims/$1
    if grep -q '^// refused> ' "$source"; then
        refused "$1: $(sed -n 's|^// refused> ||p' "$source")" "$program"
        return
    fi
    run native "$program"
    if [ "$(cat "$tmp/native.status")" != 0 ]; then
        echo "not ok - $1: works without Pillion"
        sed 's/^/# /' "$tmp/native.out" "$tmp/native.err"
        return
    fi
    under allow allow "$program"
    same "$1: the same with an allow policy" native allow
    grep -q '^// deny> ' "$source" || return
    sed -n 's|^// deny> ||p' "$source" >"$tmp/want.out"
    : >"$tmp/want.err"
    echo 0 >"$tmp/want.status"
    under deny deny "$program"
    same "$1: as documented with a deny policy" want deny
}

# A copy that changes who it runs as: the loader would drop the library.
setuid_copy() {
    if [ "$(id -u)" != 0 ]; then
        echo "ok - setuid: is refused # SKIP needs root to make the file another user's"
        return
    fi
    chmod 755 "$tmp"
    cp "$BUILD/victims/ctor" "$tmp/setuid"
    chown nobody "$tmp/setuid" && chmod 4755 "$tmp/setuid"
    refused "setuid: a program of another user's rights is refused" "$tmp/setuid"
}

[ -x "$pillion" ] && [ -f "$BUILD/libpillion.so" ] && [ -x "$BUILD/policyd" ] ||
    { echo "not ok - pillion, policyd and libpillion.so are built in $BUILD"; exit 1; }
for source in "$here"/*.c; do
    victim=$(basename "$source" .c)
    grep -q '^// steered> ' "$source" && continue
    case " ${VICTIMS:-$victim} " in *" $victim "*) one "$victim" ;; esac
done
case " ${VICTIMS:-setuid} " in *" setuid "*) setuid_copy ;; esac
