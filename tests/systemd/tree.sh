#!/bin/sh
# A clean Debian tree, of release SUITE (12, "bookworm"), for tests that install packages or boot.
#
#   tests/systemd/tree.sh DIR [PACKAGE...]
#
# DIR becomes the tree: the smallest set and those packages; what was there is replaced. The first
# call for a set of packages asks Debian's archive and takes a minute; the result is kept in CACHE
# (build/cache) and later calls only unpack it. Needs root and debootstrap. Nothing that lies in
# the tree is started.
set -eu
SUITE=${SUITE:-bookworm}
root=$(cd "$(dirname "$0")/../.." && pwd)
CACHE=${CACHE:-$root/build/cache}

fail() {
    echo "tree: $*" >&2
    exit 1
}

[ $# -ge 1 ] || fail "usage: $0 DIR [PACKAGE...]"
dir=$1
shift
[ "$(id -u)" = 0 ] || fail "only root can make a tree of another system"
command -v debootstrap >/dev/null || fail "debootstrap is not installed"

packages=$(printf '%s\n' apt "$@" | sort -u | paste -sd, -)
kept=$CACHE/$SUITE-$(printf '%s' "$packages" | sha256sum | cut -c1-16).tar

# Others may want the same tree at the same time: whoever is first makes it for all.
mkdir -p "$CACHE"
exec 9>"$kept.lock"
flock 9
if ! [ -f "$kept" ]; then
    made=$(mktemp -d "$CACHE/tree.XXXXXX")
    trap 'rm -rf "$made" "$kept.part"' EXIT
    debootstrap --variant=minbase --include="$packages" "$SUITE" "$made" >"$kept.log" 2>&1 || {
        tail -5 "$kept.log" >&2
        fail "debootstrap failed; all of it is in $kept.log"
    }
    chroot "$made" apt-get -q update >>"$kept.log" 2>&1 || fail "apt-get update failed: $kept.log"
    tar -C "$made" --numeric-owner --xattrs -cf "$kept.part" .
    mv "$kept.part" "$kept"
fi
flock -u 9

rm -rf --one-file-system "$dir"
mkdir -p "$dir"
tar -C "$dir" --numeric-owner --xattrs -xf "$kept"
# mktemp made it for root alone.
chmod 755 "$dir"
