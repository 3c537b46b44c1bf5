#!/bin/sh
# `make install` puts everything under DESTDIR and PREFIX and nowhere else; `make uninstall`
# leaves nothing of it.
set -u
. "$(dirname "$0")/../common"
unset DESTDIR PREFIX MAKEFLAGS MAKELEVEL

for file in policyd pillion libpillion.so; do
    [ -f "$BUILD/$file" ] || { echo "not ok - $BUILD/$file is not built"; exit 1; }
done

# What is installed where, relative to the prefix, with its mode.
wanted="755 bin/pillion
755 sbin/policyd
644 lib/pillion/lib/x86_64-linux-gnu/libpillion.so"
[ -e "$BUILD/lib/i386-linux-gnu/libpillion.so" ] && wanted="$wanted
644 lib/pillion/lib/i386-linux-gnu/libpillion.so
777 lib/pillion/lib32/libpillion.so" # a link

root=$tmp/root
ok "install succeeds" make -s BUILD="$BUILD" DESTDIR="$root" PREFIX=/opt/p install
echo "$wanted" | while read -r mode file; do
    [ "$(stat -c %a "$root/opt/p/$file" 2>/dev/null)" = "$mode" ] || echo "$file"
done >"$tmp/missing"
ok "programs, library and modes are right" sh -c 'cat "$1"; [ ! -s "$1" ]' sh "$tmp/missing"
for page in man/*; do
    [ -f "$page" ] || continue
    section=${page##*.}
    [ -f "$root/opt/p/share/man/man$section/$(basename "$page")" ] || echo "$page"
done >"$tmp/missing"
ok "manual pages are installed" sh -c \
    'ls man/* >/dev/null && cat "$1" && [ ! -s "$1" ]' sh "$tmp/missing"
ok "installed programs start" sh -c '"$1/bin/pillion" --version && "$1/sbin/policyd" --version' \
    sh "$root/opt/p"
ok "the installed command finds the installed library" sh -c '
    cp tests/victims/allow.conf "$1/allow.conf" && chmod 644 "$1/allow.conf" &&
    [ "$("$1/bin/pillion" run --solo "$1/allow.conf" -- sh -c "echo \"\$LD_PRELOAD\"")" = \
        "$1/lib/pillion/\$LIB/libpillion.so" ] && rm "$1/allow.conf"' sh "$root/opt/p"
narrow=$root/opt/p/lib/pillion/lib/i386-linux-gnu/libpillion.so
if [ -e "$narrow" ]; then
    ok "the 32-bit library is one, in both of its places" \
        test "$root/opt/p/lib/pillion/lib32/libpillion.so" -ef "$narrow"
else
    skip "the 32-bit library" "the compiler has no -m32"
fi
ok "nothing lies outside of prefix, etc and the unit folder" sh -c '
    cd "$1" && find . -type f ! -path "./opt/p/*" ! -path "./etc/*" ! -path "./lib/systemd/*" |
    grep . && exit 1; exit 0' sh "$root"
ok "installing twice is no error" \
    make -s BUILD="$BUILD" DESTDIR="$root" PREFIX=/opt/p install
# What an administrator wrote is kept by both.
mkdir -p "$root/etc/pillion/policy.d" && echo mine >"$root/etc/pillion/policy.d/own.conf"
ok "uninstall succeeds" make -s BUILD="$BUILD" DESTDIR="$root" PREFIX=/opt/p uninstall
ok "uninstall leaves nothing of ours" sh -c '
    find "$1" \( -type f -o -type l \) ! -path "*/etc/pillion/*" | grep . && exit 1; exit 0' \
    sh "$root"
ok "uninstall keeps the administrator's files" test -f "$root/etc/pillion/policy.d/own.conf"
