#!/bin/sh
# also: 40 45
# sshd tells each session who came and from where (SSH_CONNECTION), by what the kernel says of a
# socket that went through its own exec; and ssh says the same on both of its outputs.
set -u
# Its folder in /run is made where nobody else sees it.
if [ -z "${IN_OWN_MOUNTS:-}" ] && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    IN_OWN_MOUNTS=1 exec unshare -m sh -c 'mount -t tmpfs run /run && mkdir -m 755 /run/sshd &&
        exec sh "$0"' "$0"
fi
. "$(dirname "$0")/common"
need /usr/sbin/sshd ssh ssh-keygen perl
[ -n "${IN_OWN_MOUNTS:-}" ] || {
    echo "ok - $subject # SKIP needs root, and a mount namespace for sshd's folder in /run"
    exit 0
}

visit() { # FROM COMMAND
    $RUN ssh -F none -i "$dir/key" -p "$port" -b "$1" -o BatchMode=yes -o LogLevel=ERROR \
        -o UserKnownHostsFile="$dir/known" -o StrictHostKeyChecking=accept-new \
        root@127.0.0.1 "$2" 2>&1 </dev/null
    echo "status $?"
}

scenario() {
    port=$(free_port)
    chmod 755 "$dir"
    ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
    ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
    cp "$dir/key.pub" "$dir/authorized"
    later $RUN /usr/sbin/sshd -D -e -f /dev/null -p "$port" -h "$dir/host" \
        -o ListenAddress=127.0.0.1 -o UsePAM=no -o StrictModes=no -o PermitRootLogin=yes \
        -o AuthorizedKeysFile="$dir/authorized" -o PidFile=none -o UseDNS=no
    ready sh -c "ssh-keyscan -p $port 127.0.0.1 2>/dev/null | grep -q ed25519"
    for from in 127.0.0.1 127.0.0.5; do
        # The client's port is the kernel's choice; the rest is not.
        visit $from 'set -- $SSH_CONNECTION; echo "$1 to $3"; [ "$2" -gt 0 ] && [ "$4" = '"$port"' ]
            echo "ports: $?"; set -- $SSH_CLIENT; echo "$1"; id -un; exit 7'
    done
    visit 127.0.0.1 'seq 1 20000 | cksum; cat; echo error >&2'
    visit 127.0.0.1 'exec sh -c "ls /proc/self/fd | wc -w"'
    head -c 300000 /dev/zero | $RUN ssh -F none -i "$dir/key" -p "$port" -o BatchMode=yes \
        -o UserKnownHostsFile="$dir/known" root@127.0.0.1 'cat | cksum'
    $RUN ssh -F none -i "$dir/host" -p "$port" -o BatchMode=yes -o UserKnownHostsFile="$dir/known" \
        root@127.0.0.1 true 2>&1
    echo "another key: $?"
}
compare_legs
