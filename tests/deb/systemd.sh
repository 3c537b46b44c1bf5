#!/bin/sh
# The same on a host that systemd runs: a machine is booted in a container, and what its init makes
# of the packages is looked at from within (support/booted.sh).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/deb/support/machine.sh

need
command -v systemd-nspawn >/dev/null || {
    echo "ok - # SKIP systemd-nspawn is not installed (systemd-container)"
    exit 0
}
sh tests/systemd/tree.sh "$tree" systemd systemd-sysv redis-server redis-tools >"$dir/out" 2>&1 ||
    give_up "no tree: $(tail -5 "$dir/out")"
fetch >"$dir/out" 2>&1 || give_up "apt cannot have what they need: $(tail -5 "$dir/out")"

cp tests/deb/support/booted.sh tests/deb/support/load.pl "$tree/debs"
cat >"$tree/etc/systemd/system/booted.service" <<'EOT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=450
ExecStart=/bin/sh -c "exec sh /debs/booted.sh >/debs/tap 2>&1"
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=default.target
EOT
chroot "$tree" systemctl --quiet disable redis-server
# There is no terminal.
chroot "$tree" systemctl --quiet mask console-getty.service
chroot "$tree" systemctl --quiet enable booted.service

timeout 500 systemd-nspawn --quiet --register=no --keep-unit --private-network \
    --directory "$tree" --boot >"$dir/console" 2>&1 </dev/null
[ -s "$tree/debs/tap" ] || give_up "the machine does not boot: $(tail -20 "$dir/console")"
cat "$tree/debs/tap"
