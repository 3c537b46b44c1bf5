#!/bin/sh
# Children that leave Pillion's reach: told by the log, refused where the workload's policy says so,
# and a reload that says so reaches programs that run.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
dir=$(mktemp -d) || exit 1
trap 'kill "$daemon" 2>/dev/null; rm -rf "$dir"' EXIT
daemon=
n=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); echo "not ok $n - $1"; sed 's/^/# /' "$dir/log" "$dir/out" 2>/dev/null; }
check() { name=$1; shift; if "$@"; then ok "$name"; else not_ok "$name"; fi; }

# A static program and a shell that starts it: by fork and exec, as shells do.
printf 'int main(void) { return 7; }\n' | ${CC:-cc} -static -x c -o "$dir/static" - || exit 1
shell=$(readlink -f /bin/sh)

policy() {
    cat >"$dir/new.conf" <<CONF
schema = 1
default = allow
workload "shell" { exe = "$shell"  coverage = $1 }
policy "all" { applies = {"*"}  rule "all" { effect = allow } }
CONF
    chmod 600 "$dir/new.conf"
    mv "$dir/new.conf" "$dir/policy.conf"
}
logged() {
    for _ in $(seq 100); do
        grep -q "$1" "$dir/log" 2>/dev/null && return 0
        perl -e 'select undef, undef, undef, 0.05'
    done
    return 1
}

policy report
"$BUILD/policyd" -f -p "$dir/policy.conf" -s "$dir/sock" -l "$dir/log" >"$dir/out" 2>&1 &
daemon=$!
logged '"event":"load"' || { not_ok "policyd starts"; exit 1; }
run() { "$BUILD/pillion" run --socket "$dir/sock" -- "$@"; }

run sh -c "'$dir/static'; exit \$?" >>"$dir/out" 2>&1
check "by default the child runs" [ $? -eq 7 ]
check "and the log says that it left" logged '"coverage-lost"'

policy required
"$BUILD/pillion" reload --socket "$dir/sock" >>"$dir/out" 2>&1
run sh -c "'$dir/static'; exit \$?" >>"$dir/out" 2>&1
check "coverage = required refuses it" [ $? -eq 126 ]
check "and the log says that, too" logged '"exec-refused"'
run sh -c "/bin/true && exit 5" >>"$dir/out" 2>&1
check "what stays covered runs" [ $? -eq 5 ]

# A shell that has been running since before the reload, and waits for its next line.
policy report
"$BUILD/pillion" reload --socket "$dir/sock" >>"$dir/out" 2>&1
mkfifo "$dir/lines"
run sh -c "while read -r line; do '$dir/static'; echo \$? >>'$dir/codes'; done" <"$dir/lines" \
    >>"$dir/out" 2>&1 &
exec 3>"$dir/lines"
codes() {
    for _ in $(seq 100); do
        [ "$(wc -l 2>/dev/null <"$dir/codes")" = "$1" ] && return 0
        perl -e 'select undef, undef, undef, 0.05'
    done
    return 1
}
echo go >&3
codes 1
policy required
"$BUILD/pillion" reload --socket "$dir/sock" >>"$dir/out" 2>&1
echo go >&3
codes 2
exec 3>&-
check "a reload reaches a shell that runs" [ "$(tr '\n' ' ' <"$dir/codes")" = "7 126 " ]
echo "1..$n"
