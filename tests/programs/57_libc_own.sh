#!/bin/sh
# also: 58
# What libc does by itself is left alone, under a policy that allows nothing but names: questions
# to a name server, syslog, name services. What a program does by itself is judged.
set -u
. "$(dirname "$0")/common"
need getent logger python3 unshare ip
if [ "$(id -u)" != 0 ]; then
    echo "ok - $subject # SKIP needs root for a network and a /dev/log of its own"
    exit 0
fi

cat >"$tmp/names.conf" <<CONF
schema = 1
default = deny
policy "names" {
    applies = {"*"}
    rule "resolve" { effect = allow  actions = {resolve}  resources = {"*"} }
}
CONF
chmod 600 "$tmp/names.conf"

# A name server and a syslog daemon, in a network and a /dev that nobody else sees.
cat >"$tmp/servers.py" <<'PY'
import os, select, socket, sys
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(("127.9.9.9", 53))
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
os.chmod("/dev/log", 0o666)
open(sys.argv[1] + "/ready", "w").close()
heard = open(sys.argv[1] + "/heard", "a", buffering=1)
while True:
    for one in select.select([dns, log], [], [])[0]:
        if one is log:
            print("syslog:", one.recv(4096).decode().rstrip("\n\0").split(": ")[-1], file=heard)
            continue
        question, peer = dns.recvfrom(4096)
        end = question.index(b"\0", 12) + 5
        kind = question[end - 3]
        answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\x00\x00\x05" if kind == 1 else b""
        dns.sendto(question[:2] + b"\x81\x80\0\x01" + (b"\0\x01" if answer else b"\0\0") +
                   b"\0\0\0\0" + question[12:end] + answer, peer)
PY
cat >"$tmp/inside.sh" <<'SH'
dir=$1 tmp=$2
shift 2
ip link set lo up && ip addr add 10.99.9.9/32 dev lo
mount -t tmpfs none /dev && mkdir /dev/shm
mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && mknod -m 666 /dev/zero c 1 5
echo "nameserver 127.9.9.9" >"$dir/resolv.conf"
mount --bind "$dir/resolv.conf" "$(readlink -f /etc/resolv.conf)"
python3 "$tmp/servers.py" "$dir" &
server=$!
while [ ! -e "$dir/ready" ]; do sleep 0.05; done
"$@" getent ahostsv4 some.host.example | awk '{ print $1, $2 }' | sort -u
"$@" getent hosts other.host.example
"$@" getent passwd root | cut -d: -f1,3
"$@" getent services ssh | awk '{ print $1, $2 }'
"$@" python3 -c '
import syslog, pwd, socket
syslog.openlog("program")
syslog.syslog("said by libc")
print(pwd.getpwuid(0).pw_name, socket.gethostbyname("third.host.example"))'
"$@" sh -c 'exit 5'
echo "shell $?"
if [ -n "$*" ]; then
    # The policy allows no datagram of the program's own.
    "$@" python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try: s.sendto(b"x", ("127.9.9.9", 53))
except OSError as e: print("own datagram:", e.strerror)'
    "$@" logger --socket-errors=on -u /dev/log "said by logger" 2>/dev/null
    echo "logger: $?"
fi
while ! grep -q "said by libc" "$dir/heard"; do sleep 0.05; done
cat "$dir/heard"
kill $server
SH

inside() { # LEG COMMAND...
    dir=$tmp/$1
    shift
    mkdir "$dir"
    unshare -mn sh "$tmp/inside.sh" "$dir" "$tmp" "$@" 2>&1
}
native=$(inside native)
governed=$(inside governed "$BUILD/pillion" run --solo "$tmp/names.conf" --)
want="$(echo "$native" | sed '/^shell 5/a own datagram: Permission denied\nlogger: 1')"
if [ "$(echo "$native" | grep -c '127.0.0.5')" != 5 ]; then
    echo "not ok - $subject works without Pillion"
    echo "$native" | sed 's/^/# /'
elif [ "$governed" = "$want" ]; then
    echo "ok - $subject: names, users, services and syslog are as without; the program's own is not"
else
    echo "not ok - $subject: names, users, services and syslog are as without"
    printf '%s\n' "$want" >"$tmp/want"
    printf '%s\n' "$governed" | diff "$tmp/want" - | sed 's/^/# /'
fi
