#!/bin/sh
# also: 19 45 50
# sshd on a port and with keys of its own: it re-executes itself for each connection, its child
# before authentication is in a chroot under seccomp, and the session has a clean environment.
set -u
. "$(dirname "$0")/common"
need sshd ssh ssh-keygen unshare
[ "$(id -u)" = 0 ] || { echo "ok - $subject # SKIP needs root, as sshd does"; exit 0; }

session() { # COMMAND, with the port that is not the same twice left out
    ssh -F none -i "$tmp/key" -p "$port" -o StrictHostKeyChecking=no -o BatchMode=yes \
        -o UserKnownHostsFile="$dir/known" -o LogLevel=ERROR -b 127.0.0.1 root@127.0.0.1 "$1" 2>&1 |
        sed "s/127.0.0.1 [0-9]* 127.0.0.1 $port/127.0.0.1 PORT 127.0.0.1 PORT/"
}

# The folder that sshd shuts its child in is made in a namespace of mounts, so that the
# host's /run stays as it is.
serve() {
    port=$(free_port)
    cat >"$dir/config" <<CONF
Port $port
ListenAddress 127.0.0.1
HostKey $tmp/host_key
AuthorizedKeysFile $tmp/key.pub
PidFile $dir/pid
PermitRootLogin yes
StrictModes no
UsePAM no
PrintMotd no
CONF
    # shellcheck disable=SC2086
    later unshare -m sh -c 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"' sh \
        $RUN /usr/sbin/sshd -D -e -f "$dir/config"
    ready grep -q 'Server listening' "$dir/job.log"
}

scenario() {
    serve
    session 'echo "$SSH_CONNECTION"; echo "$SSH_CLIENT" | wc -w'
    session 'env | grep -v "^LD_PRELOAD=\|^PILLION_\|^SSH_\|^_=" | cut -d= -f1 | sort'
    session 'ls /proc/self/fd | wc -l; exit 3'
    session 'head -c 300000 /dev/zero | wc -c'
    for _ in 1 2 3 4; do
        session 'echo again'
    done
    # A client that leaves in the middle of the child's work.
    perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift) or die $!;
        print $s "SSH-2.0-nobody\r\n"; print scalar <$s>;' "$port" | cut -c1-8
    session 'echo still there'
    grep -c 'Accepted publickey' "$dir/job.log"
    grep -ci 'killed by signal\|bad system call\|SIGSYS\|fatal: privsep' "$dir/job.log"
    true
}
ssh-keygen -q -t ed25519 -N '' -f "$tmp/key" && ssh-keygen -q -t ed25519 -N '' -f "$tmp/host_key" ||
    exit 1
compare_legs

# one_session NAME POLICY COMMAND: a server of its own.
one_session() {
    dir=$tmp/$1 RUN="$BUILD/pillion run --solo $2 --log $tmp/$1/log --"
    mkdir -m 777 "$dir"
    serve
    session "$3"
    end_leg
}

expect() { # TEXT PATTERN GOT
    if echo "$3" | grep -q "$2"; then
        echo "ok - $subject: $1"
    else
        echo "not ok - $subject: $1"
        echo "$3" | sed 's/^/# /'
    fi
}

cat >"$tmp/closed.conf" <<CONF
schema = 1
default = allow
policy "closed" { applies = {"*"}  rule "in" { effect = deny  actions = {accept} } }
CONF
chmod 600 "$tmp/closed.conf"
expect "what the session runs is covered" '^[1-9]' \
    "$(one_session covered "$allow" 'grep -c libpillion.so /proc/self/maps')"
# What the client says of it depends on how far it had come; that the session says nothing, and what
# the log says, do not.
closed=$(one_session closed "$tmp/closed.conf" 'echo in')
expect "who may not come in does not" '^$' "$(echo "$closed" | grep -x in)"
whole_log "$tmp/closed/log"
expect "and the log says so" '"action":"accept".*"verdict":"deny"' "$(cat "$tmp/closed/log")"
