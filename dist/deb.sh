#!/bin/sh
# Builds the Debian packages of a copy of this tree: dist/deb.sh OUT [VERSION]
#
# OUT gets the packages, their .changes file and build.log, OUT/src the copy. What git does not know and what
# it ignores is left out, so that the packages are those of a clean checkout. VERSION makes them
# those of another version than the tree says, to try an upgrade with.
set -eu
cd "$(dirname "$0")/.."
out=$1
version=${2:-}

for tool in dpkg-buildpackage dh; do
    command -v "$tool" >/dev/null && continue
    echo "deb: there is no $tool; tests/deps.sh packaging installs what is missing" >&2
    exit 1
done

files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard
    else
        find . -path ./build -prune -o ! -type d -print0
    fi
}

set_version() {
    sed -i "s/^\(#define PIL_VERSION \).*/\1\"$1\"/" core/defs.h
    {
        sed -n "1s/(.*)/($1)/p" debian/changelog
        printf '\n  * Built to be tried.\n\n'
        sed -n '/^ -- /{p;q}' debian/changelog
        printf '\n'
        cat debian/changelog
    } >debian/changelog.new
    mv debian/changelog.new debian/changelog
}

rm -rf "$out"
mkdir -p "$out/src"
# A file that is gone and not yet committed is gone from the packages, too.
files | tar --null --ignore-failed-read -T - -cf - | tar -C "$out/src" -xf -
cd "$out/src"
[ -z "$version" ] || set_version "$version"
# What make was told outside is not for the build inside.
unset MAKEFLAGS MAKELEVEL MFLAGS BUILD CI CC CFLAGS LDFLAGS PREFIX DESTDIR
if ! dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes >../build.log 2>&1; then
    tail -40 ../build.log >&2
    echo "deb: failed; all of it is in $out/build.log" >&2
    exit 1
fi
cd ..
for package in *.deb; do
    echo "$out/$package"
done
