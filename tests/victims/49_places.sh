#!/bin/sh
# Programs that go where policyd's socket may not be seen: roots, networks and users of their own.
# The process keeps its link; where its children can have none, they are refused and the log says
# what took them there. A program that is executed where the library is not to be seen is told.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}") || exit 1
[ -x "$BUILD/policyd" ] && [ -x "$BUILD/pillion" ] && [ -f "$BUILD/libpillion.so" ] ||
    { echo "not ok - pillion, policyd and libpillion.so are built in $BUILD"; exit 1; }
. tests/victims/common
if [ "$(id -u)" != 0 ]; then
    echo "ok - places # SKIP needs root for chroot and namespaces"
    exit 0
fi
places=$BUILD/victims/places
# A root with one program and what it needs.
root=$tmp/root
mkdir -p "$root"
for file in /bin/true $(ldd /bin/true | grep -o '/[^ ]*'); do
    install -D -m 755 "$file" "$root$file"
done

# went WHERE... WANT: what the program says after it went there, by path or by abstract name.
went() {
    text=$1 name=$2 want=$3
    shift 3
    : >"$tmp/decisions.log"
    got=$("$BUILD/pillion" run --socket "$name" -- "$places" "$@" 2>&1 | grep -v "^ERROR: ld.so: ")
    if [ "$got" = "$want" ]; then
        echo "ok - $text"
    else
        echo "not ok - $text"
        printf '%s\n' "$got" | sed 's/^/# got: /'
    fi
}

logged() { # EVENT KEY VALUE: a line of the log has both
    wait_for grep -q "\"event\":\"$1\".*\"$2\":\"$3\"" "$tmp/decisions.log"
}

not_logged() { # EVENT: also not when policyd has heard the last of the process
    wait_for sh -c '"$1" status --socket "$2" --json | grep -q "\"processes\": *0"' \
        sh "$BUILD/pillion" "$socket" && ! grep -q "\"event\":\"$1\"" "$tmp/decisions.log"
}

policy() { # COVERAGE
    sed "/^default/a workload \"places\" { exe = \"$places\"  coverage = $1 }" \
        tests/victims/deny.conf >"$tmp/policy.conf"
    chmod 600 "$tmp/policy.conf"
}

served='self: allowed through, denied refused
child: allowed through, denied refused'
alone='self: allowed through, denied refused
child: allowed refused, denied refused'

policy report
start_policyd "$tmp/policy.conf" || { echo "not ok - policyd starts"; exit 1; }
went "chroot, policyd by its abstract name: all is served" "$abstract" "$served" "chroot:$root"
check "and nothing is out of reach" not_logged out-of-reach
went "a network of its own, policyd by path: all is served" "$socket" "$served" net
check "and nothing is out of reach" not_logged out-of-reach
went "a mount namespace: all is served" "$socket" "$served" mount
went "chroot, policyd by path: the process is served, its children are refused" \
    "$socket" "$alone" "chroot:$root"
check "the log says why" logged out-of-reach by chroot
went "a network of its own, by abstract name: the same" "$abstract" "$alone" net
check "the log says why" logged out-of-reach by unshare
went "users of its own: the same, because root there is nobody to be trusted" \
    "$socket" "$alone" users
check "the log says why" logged out-of-reach by unshare
went "network and root of its own: the same" "$abstract" "$alone" "chroot:$root" net
check "the log says why" logged out-of-reach by unshare
went "a program is executed where the library is not to be seen" "$abstract" "" \
    "chroot:$root" exec:/bin/true
check "the log says so, and why" logged coverage-lost reason hidden
policy required
check "coverage is required from now on" "$BUILD/pillion" reload --socket "$socket"
went "where coverage is required it is not executed" "$abstract" "exec:/bin/true: EACCES" \
    "chroot:$root" exec:/bin/true
check "the log says so, and why" logged exec-refused reason hidden
