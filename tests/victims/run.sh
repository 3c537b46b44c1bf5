#!/bin/sh
# Every victim without Pillion and with it. Under allow.conf both must be the same: exit status,
# output, the state the process was left in (victim.h), and the network calls of its first thread;
# and so whether it greets policyd when it starts, or is heard of at its first call.
# Under deny.conf the output must be what the victim's "// deny> " lines say. VICTIMS="name ..."
# runs only those. SOURCES and PROGRAMS are the folders they and what was built of them lie in, and
# WIDTH=32 says that they are 32-bit programs, whose calls are not compared.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
here=${SOURCES:-tests/victims}
programs=${PROGRAMS:-$BUILD/victims} width=${WIDTH:-64}
pillion=$BUILD/pillion
tmp=$(mktemp -d) || exit 1
# Copies, because a checkout may be writable by its group, and such a policy is refused.
install -m 644 tests/victims/*.conf "$tmp" || exit 1
stop() {
    [ ! -s "$tmp/policyd.pid" ] || kill "$(cat "$tmp/policyd.pid")"
    rm -rf "$tmp"
}
trap stop EXIT
# A victim that crashes is shown by its status.
ulimit -c 0
unset LD_PRELOAD PILLION_SOCKET PILLION_GREET

# run NAME COMMAND...: leaves NAME.out, NAME.err, NAME.status and NAME.state. The command has the
# process that it is told of in VICTIM_STATE.
run() {
    name=$tmp/$1
    shift
    rm -f "$name.state"
    timeout 60 sh -c 'VICTIM_STATE="$$ $0" exec "$@"' "$name.state" "$@" \
        >"$name.out" 2>"$name.err" </dev/null
    echo $? >"$name.status"
}

# same TEXT WANT GOT PART...: compares what two runs left.
same() {
    text=$1 want=$2 got=$3
    shift 3
    for part in "$@"; do
        if ! cmp -s "$tmp/$want.$part" "$tmp/$got.$part"; then
            echo "not ok - $text"
            diff "$tmp/$want.$part" "$tmp/$got.$part" | sed "s/^/# $part: /" | head -20
            return
        fi
    done
    echo "ok - $text"
}

under() { # POLICY NAME PROGRAM...
    policy=$1 into=$2
    shift 2
    run "$into" "$pillion" run --solo "$tmp/$policy.conf" -- "$@"
}

# Started by nobody who promised it to policyd, as children are.
late() { # NAME PROGRAM...
    into=$1
    shift
    name=@pillion-late/$(basename "$tmp")
    [ -s "$tmp/policyd.pid" ] ||
        "$BUILD/policyd" --policy "$tmp/allow.conf" --socket "$tmp/policyd.sock" \
            --abstract "$name" --log "$tmp/log" --pidfile "$tmp/policyd.pid" || return
    run "$into" env LD_PRELOAD="$(realpath "$BUILD/libpillion.so")" PILLION_SOCKET="$name" "$@"
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

traceable() {
    command -v strace >/dev/null || { echo "strace is not installed"; return 1; }
    strace -o /dev/null true 2>/dev/null || { echo "nothing may be traced here"; return 1; }
}

# Where the library is linked to lie: its first page and its last, which is that of the stub.
place() {
    readelf -lW "$BUILD/libpillion.so" |
        sed -n 's/^ *LOAD *0x[0-9a-f]* 0x\([0-9a-f]\{16\}\) .*/\1/p' | sed -n "$1p"
}
first=$(place 1) last=$(place '$' | sed 's/...$/fff/')

# The network calls of a command, in NAME.calls.
trace() { # NAME COMMAND...
    into=$1
    shift
    timeout 120 strace -i -o "$tmp/trace" -e trace=network,execve -e signal=none "$@" \
        >/dev/null 2>&1 </dev/null
    awk -v program="$program" -v first="$first" -v last="$last" -f tests/victims/calls.awk \
        "$tmp/trace" \
        >"$tmp/$into.calls"
}

same_calls() {
    if [ "$width" != 64 ] || grep -q '^// calls> ' "$source"; then
        return
    elif ! reason=$(traceable); then
        echo "ok - $1: the same network calls # SKIP $reason"
        return
    fi
    trace native "$program"
    trace allow "$pillion" run --solo "$tmp/allow.conf" -- "$program"
    same "$1: the same $(wc -l <"$tmp/native.calls") network calls" native allow calls
}

one() {
    source=$here/$1.c program=$programs/$1
    if grep -q '^// refused> ' "$source"; then
        refused "$1: $(sed -n 's|^// refused> ||p' "$source")" "$program"
        return
    fi
    if grep -q '^// root> ' "$source" && [ "$(id -u)" != 0 ]; then
        echo "ok - $1 # SKIP needs root: $(sed -n 's|^// root> ||p' "$source")"
        return
    fi
    run native "$program"
    if [ "$(cat "$tmp/native.status")" != 0 ]; then
        echo "not ok - $1: works without Pillion"
        sed 's/^/# /' "$tmp/native.out" "$tmp/native.err"
        return
    fi
    under allow allow "$program"
    same "$1: the same with an allow policy" native allow status out err
    if ! grep -q '^// stateless> ' "$source"; then
        [ -s "$tmp/native.state" ] || echo "not ok - $1: says how it leaves its process"
        same "$1: leaves the same descriptors, threads, signals, errno" native allow state
    fi
    if [ "$width" = 64 ]; then
        late late "$program"
        same "$1: the same when it was not expected" native late status out err
        grep -q '^// stateless> ' "$source" ||
            same "$1: and leaves the same" native late state
    fi
    same_calls "$1"
    grep -q '^// deny> ' "$source" || return
    sed -n 's|^// deny> ||p' "$source" >"$tmp/want.out"
    : >"$tmp/want.err"
    echo 0 >"$tmp/want.status"
    under deny deny "$program"
    same "$1: as documented with a deny policy" want deny status out err
}

[ -x "$pillion" ] && [ -f "$BUILD/libpillion.so" ] && [ -x "$BUILD/policyd" ] ||
    { echo "not ok - pillion, policyd and libpillion.so are built in $BUILD"; exit 1; }
for source in "$here"/*.c; do
    victim=$(basename "$source" .c)
    grep -q '^// steered> ' "$source" && continue
    case " ${VICTIMS:-$victim} " in *" $victim "*) one "$victim" ;; esac
done
