#!/bin/sh
# debian/ agrees with the rest of the tree: version, what building needs, and what is installed,
# each file of which belongs to exactly one package. `make check-deb` builds and tries them.
set -u
. "$(dirname "$0")/../common"
unset DESTDIR PREFIX MAKEFLAGS MAKELEVEL

# ---- version and dependencies ------------------------------------------------------------------

version=$(sed -n 's/^#define PIL_VERSION "\(.*\)"/\1/p' core/defs.h)
ok "the changelog's version is PIL_VERSION" \
    test "$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" = "$version"

# Debian has the compiler and libc's headers in build-essential, which no package names; debhelper
# and the unit tests' library are not needed to build without packages.
sh tests/deps.sh building --list |
    grep -vxE 'gcc|make|libc6-dev|linux-libc-dev' | sort >"$tmp/deps"
sed -n '/^Build-Depends:/,/^[A-Z]/p' debian/control | sed 's/^Build-Depends:/ /; /^[A-Z]/d' |
    tr ',' '\n' | awk 'NF { print $1 }' |
    grep -vxE 'debhelper-compat|libcmocka-dev' | sort >"$tmp/control"
ok "building needs the same by debian/control as by tests/deps.sh" \
    diff "$tmp/deps" "$tmp/control"

# ---- files -------------------------------------------------------------------------------------

paths=$(sed -n 's/^PATHS = //p' debian/rules)
# shellcheck disable=SC2086
ok "it installs as debian/rules says" \
    make -s BUILD="$BUILD" $paths UNITDIR=/lib/systemd/system DESTDIR="$tmp/root" install
(cd "$tmp/root" && find . ! -type d | sed 's|^\./||') >"$tmp/installed"
cat debian/*.install | awk 'NF == 1 { print $1 }' >"$tmp/patterns"

# A pattern names a file, a folder with all below it, or both by a wildcard. What is not installed
# by make comes from the tree itself.
covers() {
    # shellcheck disable=SC2254
    case $2 in
    $1 | $1/*) return 0 ;;
    esac
    return 1
}
while read -r file; do
    count=0
    grep -qxF "$file" debian/not-installed && continue
    while read -r pattern; do
        covers "$pattern" "$file" && count=$((count + 1))
    done <"$tmp/patterns"
    [ "$count" = 1 ] || echo "$file is in $count packages"
done <"$tmp/installed" >"$tmp/homeless"
ok "each file that is installed is in one package" diff /dev/null "$tmp/homeless"

while read -r pattern; do
    found=no
    while read -r file; do
        covers "$pattern" "$file" && found=yes && break
    done <"$tmp/installed"
    case $pattern in
    # Without a compiler for it there is no 32-bit library.
    usr/lib/pillion/lib/i386-linux-gnu* | usr/lib/pillion/lib32*)
        [ -e "$BUILD/lib/i386-linux-gnu/libpillion.so" ] || found=yes
        ;;
    esac
    [ "$found" = yes ] || echo "$pattern"
done <"$tmp/patterns" >"$tmp/empty"
ok "each line of debian/*.install has a file" diff /dev/null "$tmp/empty"

awk 'NF == 2 { print $1 }' debian/*.install | while read -r file; do
    [ -f "$file" ] || echo "$file"
done >"$tmp/missing"
ok "what they take from the tree is there" diff /dev/null "$tmp/missing"

sed -n 's/^Package: //p' debian/control | sort >"$tmp/packages"
find debian -name '*.install' | sed 's|.*/||; s|\.install$||' | sort >"$tmp/lists"
ok "each package has a list of files" diff "$tmp/packages" "$tmp/lists"

# ---- manual pages ------------------------------------------------------------------------------

for page in man/*.[1-8]; do
    if command -v groff >/dev/null; then
        groff -mandoc -ww -z "$page" >"$tmp/groff" 2>&1
        ok "$page is well formed" diff /dev/null "$tmp/groff"
    else
        skip "$page is well formed" "groff is not installed"
    fi
done

# ---- scripts -----------------------------------------------------------------------------------

for script in debian/*.postinst debian/*.prerm debian/*.postrm; do
    [ -L "$script" ] && continue
    ok "$script parses" sh -n "$script"
    ok "$script ends at the first error" grep -qx 'set -e' "$script"
    command -v shellcheck >/dev/null &&
        ok "$script: shellcheck" shellcheck --shell=sh --severity=warning "$script"
done
exit 0
