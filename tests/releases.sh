#!/bin/sh
# The library under other releases of glibc: programs of other Debian releases, in trees of their
# own, under the policyd of this host. RELEASES="bullseye trixie" by default; `make releases`.
#
# Needs root, debootstrap and Debian's archive at the first time; the trees are kept in CACHE.
# What cannot be had is said, and skipped by name.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=$(realpath "${BUILD:-build}") || exit 1
. tests/victims/common

skip_all() {
    echo "ok - other releases of glibc # SKIP $1"
    exit 0
}
[ "$(id -u)" = 0 ] || skip_all "only root can make trees of other systems"
command -v debootstrap >/dev/null || skip_all "debootstrap is not installed"

cat >"$tmp/policy.conf" <<'END_OF_POLICY'
schema  = 1
default = allow
policy "denied" {
    applies = {"*"}
    rule "reach" { effect = deny  actions = {connect, send}  resources = {"127.0.0.2/32:*"} }
    rule "name"  { effect = deny  actions = {resolve}  resources = {"denied.localhost"} }
}
END_OF_POLICY
chmod 644 "$tmp/policy.conf"
start_policyd "$tmp/policy.conf" || { echo "not ok - policyd starts"; exit 1; }

# What a program of that release does, in words; "denied" only under Pillion.
cat >"$tmp/talk.py" <<'END_OF_PYTHON'
import asyncio, os, socket, subprocess, sys, threading

def say(what, call):
    try:
        call()
        print(what, "ok")
    except OSError as error:
        print(what, error.strerror)

server = socket.create_server(("127.0.0.1", 0), backlog=64)
other = socket.create_server(("127.0.0.2", 0), backlog=64)
port = server.getsockname()[1]
say("connect", lambda: socket.create_connection(("127.0.0.1", port), 10))
say("connect, denied", lambda: socket.create_connection(other.getsockname(), 10))
say("by name", lambda: socket.create_connection(("localhost", port), 10))
say("accept", server.accept)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
say("datagram, denied", lambda: udp.sendto(b"x", ("127.0.0.2", 9)))
say("name, denied", lambda: socket.getaddrinfo("denied.localhost", 80))
threads = [threading.Thread(target=say, args=("thread", lambda:
           socket.create_connection(("127.0.0.1", port), 10))) for _ in range(4)]
for t in threads:
    t.start()
    t.join()
if os.fork() == 0:
    say("child", lambda: socket.create_connection(("127.0.0.1", port), 10))
    say("child, denied", lambda: socket.create_connection(other.getsockname(), 10))
    sys.stdout.flush()
    os._exit(0)
os.wait()
sys.stdout.flush()
os.system("env -i cat /proc/self/maps | grep -c 'libpillion.so' >/dev/null && echo covered")
subprocess.run(["sh", "-c", "grep -q libpillion.so /proc/self/maps && echo covered"], env={})
END_OF_PYTHON
cat >"$tmp/want" <<'END_OF_WANT'
connect ok
connect, denied Permission denied
by name ok
accept ok
datagram, denied Permission denied
name, denied Non-recoverable failure in name resolution
thread ok
thread ok
thread ok
thread ok
child ok
child, denied Permission denied
covered
covered
END_OF_WANT

one() { # RELEASE
    tree=$tmp/$1
    if ! SUITE=$1 sh tests/systemd/tree.sh "$tree" curl python3 socat 2>"$tmp/tree.log"; then
        echo "ok - $1 # SKIP $(tail -1 "$tmp/tree.log")"
        return
    fi
    install -m 644 "$BUILD/libpillion.so" "$tmp/talk.py" "$tree/"
    # No name server, so that names are a matter of the hosts file.
    echo '127.0.0.1 localhost denied.localhost' >"$tree/etc/hosts"
    : >"$tree/etc/resolv.conf"
    unshare -m sh -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 9
        exec chroot "$1" env LD_PRELOAD=/libpillion.so PILLION_SOCKET="$2" python3 /talk.py' \
        sh "$tree" "$abstract" >"$tmp/got" 2>&1
    version=$(chroot "$tree" ldd --version | sed -n '1s/.* //p')
    check "$1, glibc $version: decides as here" diff "$tmp/want" "$tmp/got"
    rm -rf --one-file-system "$tree"
}
for release in ${RELEASES:-bullseye trixie}; do
    one "$release"
done
