#!/bin/sh
# The library as it is installed: its exports are the hooks, libc is all it needs, and that of any
# age; nothing in it is both writable and executable. And the same as the loader sees it.
set -u
. "$(dirname "$0")/common"
built=$BUILD
unset DESTDIR PREFIX MAKEFLAGS MAKELEVEL
need readelf nm strip cc

# The hooks of a class: the map may say that a name belongs to one of them.
hooks() { # OPTION...
    cc "$@" -E -P -x c preload/exports.map | sed -n '/global:/,/local:/p' | tr -d ' ;' |
        grep -v ':$' | sort -u
}

make -s BUILD="$built" DESTDIR="$tmp/root" PREFIX=/p install >"$tmp/out" 2>&1
verdict $? "is installed"
found=0
for so in $(find "$tmp/root" -name libpillion.so -type f); do
    found=$((found + 1))
    class=$(readelf -hW "$so" | sed -n 's/^ *Class: *//p')
    nm -D --defined-only "$so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u \
        >"$tmp/got"
    case $class in ELF32) hooks -m32 ;; *) hooks ;; esac >"$tmp/want"
    diff "$tmp/want" "$tmp/got" >"$tmp/out"
    verdict $? "$class: exports are the $(wc -l <"$tmp/want") hooks"
    readelf -dW "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux' >"$tmp/out"
    [ "$(cat "$tmp/out")" = libc.so.6 ]
    verdict $? "$class: libc is all it needs"
    readelf -VW "$so" | sed -n 's/.*Name: GLIBC_\([0-9.]*\).*/\1/p' | sort -uV >"$tmp/out"
    [ "$({ cat "$tmp/out"; echo 2.17; } | sort -V | tail -1)" = 2.17 ]
    verdict $? "$class: no symbol is newer than GLIBC_2.17"
    readelf -dlW "$so" >"$tmp/out"
    ! grep -qE 'TEXTREL|(GNU_STACK|LOAD) .* RWE ' "$tmp/out" && grep -q GNU_STACK "$tmp/out"
    verdict $? "$class: no text relocation, no executable stack, no segment for both"
done
[ "$found" -gt 0 ]
verdict $? "there is a library"

# In a process: mapped once, nothing of it writable and executable, and the stack as it was.
maps() {
    "$@" cat /proc/self/maps | awk '$2 ~ /^rwx/ || /\[stack\]/ { print $2, $6 }'
}
maps env >"$tmp/native"
maps "$BUILD/pillion" run --solo "$allow" -- >"$tmp/pillion"
diff "$tmp/native" "$tmp/pillion" >"$tmp/out" && grep -q stack "$tmp/native"
verdict $? "a process has no more writable and executable memory than without"
"$BUILD/pillion" run --solo "$allow" -- env LD_DEBUG=files sh -c : 2>&1 |
    sed -n 's/.*file=\([^ ]*\) \[0\];  needed by .*libpillion.so .*/\1/p' >"$tmp/out"
[ "$(cat "$tmp/out")" = libc.so.6 ] || [ ! -s "$tmp/out" ]
verdict $? "the loader brings in libc for it, and nothing else"
