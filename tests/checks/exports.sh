#!/bin/sh
# What the preload library shows to its host, in each class: the hooked names and nothing else.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
export LC_ALL=C

# ok WORDS TEXT...: passes when the command in the remaining arguments is true.
check() {
    text=$1
    shift
    if "$@"; then echo "ok - $text"; else echo "not ok - $text"; fi
}

same() { # WANT GOT: both sorted lists; shows what differs
    [ "$1" = "$2" ] && [ -n "$1" ] && return 0
    printf '%s\n' "$1" >"$tmp/want"
    printf '%s\n' "$2" >"$tmp/got"
    diff "$tmp/want" "$tmp/got" | sed -n 's/^< /# missing: /p; s/^> /# too many: /p'
    return 1
}

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

judge() { # CLASS LIBRARY MAP OBJECTS STUB
    class=$1 so=$2 map=$3 objects=$4 stub=$5
    [ -f "$so" ] || { echo "not ok - $so is not built"; return; }

    # The map's global names; the object files' visible ones are the hooks as they were written.
    mapped=$(sed -n '/global:/,/local:/p' "$map" |
        sed 's/#.*//; s|/\*.*\*/||; s/global://; s/local://' | tr ';' '\n' |
        tr -d ' \t' | grep . | sort -u)
    exported=$(nm -D --defined-only "$so" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort -u)
    hooks=$(readelf -sW "$objects"/preload/*.o 2>/dev/null |
        awk '$5 != "LOCAL" && $6 == "DEFAULT" && $7 != "UND" && NF == 8 { print $8 }' |
        grep -v '^Name$' | sort -u)

    check "$class: the map names every export, no wildcard" \
        sh -c 'case $1 in *\**) exit 1 ;; "") exit 1 ;; esac' sh "$mapped"
    check "$class: exports are exactly the map's names" same "$mapped" "$exported"
    check "$class: the map's names are exactly the hooks of preload/" same "$mapped" "$hooks"

    dynamic=$(readelf -dW "$so")
    needed=$(echo "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux')
    check "$class: needs libc and nothing else" same "libc.so.6" "$needed"
    newest=$(nm -D --undefined-only "$so" | sed -n 's/.*@\(GLIBC_[0-9.]*\)$/\1/p' | sort -uV |
        tail -1)
    check "$class: loads with every glibc from 2.17 on (asks for $newest)" sh -c '
        [ -n "$1" ] && [ "$(printf "%s\nGLIBC_2.17\n" "$1" | sort -V | tail -1)" = GLIBC_2.17 ]' \
        sh "$newest"
    check "$class: has no text relocations" sh -c '! echo "$1" | grep -q TEXTREL' sh "$dynamic"
    check "$class: binds at once" sh -c 'echo "$1" | grep -Eq "BIND_NOW|FLAGS_1.*NOW"' sh "$dynamic"
    stack=$(readelf -lW "$so" | grep GNU_STACK)
    check "$class: has no executable stack" \
        sh -c '[ -n "$1" ] && ! echo "$1" | grep -q "RWE"' sh "$stack"
    check "$class: has no writable and executable segment" \
        sh -c '! readelf -lW "$1" | grep -E "^ +LOAD" | grep -q "RWE"' sh "$so"
    check "$class: keeps relocations read-only (RELRO)" \
        sh -c 'readelf -lW "$1" | grep -q GNU_RELRO' sh "$so"
    check "$class: uses initial-exec TLS only" \
        sh -c '! nm -D "$1" | grep -q tls_get_addr &&
            ! readelf -rW "$1" | grep -Eq "DTPMOD|TLSDESC"' sh "$so"
    imported=$(nm -D --undefined-only "$so" | awk '{ print $NF }' | sed 's/@.*//' | sort -u)
    loud='v?f?printf|v?dprintf|puts|fputs|perror|syslog|exit|_exit|abort|__assert_fail|.*_chk'
    loud="$loud|__stack_chk_fail|pthread_create|system|popen"
    loud="$loud|malloc|calloc|realloc|free|strdup|.*memalign|fopen|fdopen|dl(v?sym|open|addr|error)"
    check "$class: prints, exits and starts nothing, takes no memory, asks the loader nothing" \
        sh -c '
        bad=$(echo "$1" | grep -Ex "$2")
        [ -z "$bad" ] && exit 0
        echo "# imports: $bad"; exit 1' sh "$imported" "$loud"
    # What ends up mapped in the host; debugging sections stay on the disk.
    bytes=$(size -A -d "$so" | awk '$3 > 0 { sum += $2 } END { print sum + 0 }')
    cp "$so" "$tmp/stripped.so" && strip --strip-unneeded "$tmp/stripped.so"
    file=$(stat -c %s "$tmp/stripped.so")
    check "$class: is at most 256 KiB (stripped file $file, loaded $bytes bytes)" \
        test "$file" -le 262144 -a "$file" -gt 0
    at=$(readelf -SW "$so" | sed 's/^ *\[ *[0-9]*\] *//' | awk '$1 == ".pilstub" { print $3 }')
    check "$class: keeps the network stub at 0x$stub" [ "$(echo "$at" | sed 's/^0*//')" = "$stub" ]
}

judge 64-bit "$BUILD/libpillion.so" "$BUILD/exports.map" "$BUILD/obj" 552000000000
if [ -e "$BUILD/lib/i386-linux-gnu/libpillion.so" ]; then
    judge 32-bit "$BUILD/lib/i386-linux-gnu/libpillion.so" "$BUILD/obj/i386/exports.map" \
        "$BUILD/obj/i386" 7f00000
else
    echo "ok - 32-bit library # SKIP the compiler has no -m32"
fi
