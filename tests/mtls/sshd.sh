#!/bin/sh
# sshd, which re-executes itself for each connection and shuts its child in, and ssh.
set -u
. "$(dirname "$0")/common"
need sshd ssh ssh-keygen unshare perl python3
marker=SSH-2.0 # both say that first

session() { # COMMAND
    $RUN ssh -F none -i "$tmp/key" -p "$(port)" -o StrictHostKeyChecking=no -o BatchMode=yes \
        -o UserKnownHostsFile="$dir/known" -o LogLevel=ERROR -b 127.0.0.1 root@127.0.0.1 "$1" 2>&1
}

scenario() {
    cat >"$dir/config" <<CONF
Port $(port)
ListenAddress 127.0.0.1
HostKey $tmp/host_key
AuthorizedKeysFile $tmp/key.pub
PidFile $dir/pid
PermitRootLogin yes
StrictModes no
UsePAM no
PrintMotd no
CONF
    # The folder that sshd shuts its child in is made in a namespace of mounts.
    # shellcheck disable=SC2086
    later unshare -m sh -c 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"' sh \
        $RUN /usr/sbin/sshd -D -e -f "$dir/config"
    ready grep -q 'Server listening' "$dir/job.log"
    session 'echo in; echo "$SSH_CONNECTION" | wc -w'
    session 'exit 3'
    echo "status $?"
    session 'head -c 3000000 /dev/zero | wc -c; head -c 3000000 /dev/zero' | cksum
    seq 1 100000 | session cksum
    for _ in 1 2 3; do
        session 'echo again'
    done
    grep -c 'Accepted publickey' "$dir/job.log"
    grep -ci 'killed by signal\|bad system call\|SIGSYS\|fatal: privsep' "$dir/job.log"
    true
}
ssh-keygen -q -t ed25519 -N '' -f "$tmp/key" && ssh-keygen -q -t ed25519 -N '' -f "$tmp/host_key" ||
    exit 1
compare_secured
