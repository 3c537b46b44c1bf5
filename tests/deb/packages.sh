#!/bin/sh
# The packages as files: what lintian and shellcheck say, and what belongs to whom.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
number=0

ok() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$dir/out" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$dir/out"
    fi
}

skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

ls "$BUILD"/deb/*.changes >/dev/null 2>&1 || {
    echo "not ok - no packages in $BUILD/deb: make check-deb"
    exit 1
}
mkdir "$dir/scripts" "$dir/files"
for deb in "$BUILD"/deb/*.deb; do
    package=$(dpkg-deb -f "$deb" Package)
    case $package in
    *-dbgsym) continue ;;
    esac
    dpkg-deb -e "$deb" "$dir/control"
    for script in preinst postinst prerm postrm; do
        [ -f "$dir/control/$script" ] && mv "$dir/control/$script" "$dir/scripts/$package.$script"
    done
    [ -f "$dir/control/conffiles" ] && sed "s/^/$package /" "$dir/control/conffiles"
    rm -r "$dir/control"
    dpkg-deb -c "$deb" | awk '$1 !~ /^d/ { print $6 }' | grep -v '/usr/share/doc/[^/]*/c' \
        >"$dir/files/$package"
done >"$dir/conffiles"

if command -v lintian >/dev/null; then
    ok "lintian finds no error and nothing to warn of" \
        lintian --allow-root --fail-on error,warning "$BUILD"/deb/*.changes
else
    skip "lintian" "lintian is not installed (tests/deps.sh packaging)"
fi
for script in "$dir"/scripts/*; do
    file=$(basename "$script")
    ok "$file parses" sh -n "$script"
    ok "$file ends at the first error" grep -qx 'set -e' "$script"
    if command -v shellcheck >/dev/null; then
        ok "shellcheck of $file" shellcheck --shell=sh --severity=warning "$script"
    else
        skip "shellcheck of $file" "shellcheck is not installed (tests/deps.sh packaging)"
    fi
done

sort "$dir"/files/* | uniq -d >"$dir/twice"
ok "no file is in two packages" diff /dev/null "$dir/twice"
cat >"$dir/wanted" <<'EOT'
policyd /etc/init.d/policyd
policyd /etc/logrotate.d/policyd
policyd /etc/pillion/policyd.conf
EOT
sort "$dir/conffiles" >"$dir/sorted"
ok "what the administrator edits are conffiles" diff "$dir/wanted" "$dir/sorted"
echo "1..$number"
