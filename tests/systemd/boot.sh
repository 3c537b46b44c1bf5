#!/bin/sh
# Boots a Debian machine with systemd in a container, with Pillion installed in it, and has it run
# tests/systemd/inside.sh, whose lines it prints. `make check-systemd` runs it; it needs root,
# debootstrap and systemd-nspawn, and says so where they are missing.
#
# The machine has a network of its own and no way out of it; nothing of the host is changed.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}")
machine=$BUILD/systemd/machine
LIBRARIES='libconfuse2 libevent-core-2.1-7 libevent-extra-2.1-7 libjansson4 libssl3 libcap2
           libsystemd0'

skip() {
    echo "ok 1 - a machine with systemd # SKIP $1"
    exit 0
}

[ "$(id -u)" = 0 ] || skip "only root can boot one"
command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is not installed (systemd-container)"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"

# Paths are compiled in, so this is a build of its own.
make -s BUILD="$BUILD/systemd/build" PREFIX=/usr LIBDIR=/usr/lib all || exit 1
# shellcheck disable=SC2086
sh tests/systemd/tree.sh "$machine" systemd systemd-sysv redis-server redis-tools python3-minimal \
    $LIBRARIES || exit 1
make -s BUILD="$BUILD/systemd/build" PREFIX=/usr LIBDIR=/usr/lib DESTDIR="$machine" install ||
    exit 1

mkdir "$machine/test"
cp tests/systemd/inside.sh tests/programs/60_echo.py tests/programs/60_client.py "$machine/test"
cat >"$machine/etc/systemd/system/inside.service" <<'EOT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=200
ExecStart=/bin/sh -c "exec sh /test/inside.sh >/test/tap 2>&1"
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=default.target
EOT
chroot "$machine" systemctl --quiet disable redis-server
# There is no terminal; systemd's child that waits for one holds what systemd had open at its fork.
chroot "$machine" systemctl --quiet mask console-getty.service
chroot "$machine" systemctl --quiet enable inside.service policyd.socket policyd.service

timeout 240 systemd-nspawn --quiet --register=no --keep-unit --private-network --directory \
    "$machine" --boot >"$BUILD/systemd/console" 2>&1 </dev/null
if ! [ -s "$machine/test/tap" ]; then
    echo "not ok 1 - the machine boots"
    tail -20 "$BUILD/systemd/console" | sed 's/^/# /'
    exit 1
fi
cat "$machine/test/tap"
! grep -q '^not ok' "$machine/test/tap"
