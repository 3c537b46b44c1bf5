#!/bin/sh
# No function that can run on a stack of the host's takes more than 2 KiB of it.
set -u
cd "$(dirname "$0")/../.." || exit 1
CC=${CC:-cc}
LIMIT=2048
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# Frames as large as the caller's arguments or environment, which libc's own functions of these
# names put on the stack too: in a vfork child or a signal handler there is nowhere else.
EXCUSED='execl execle execlp make_mended call_mended'

# A line of gcc's .su file is "file:line:column:function <tab> bytes <tab> static|dynamic,...".
judge() {
    awk -F '\t' -v limit=$LIMIT -v excused=" $EXCUSED " '
        $2 > limit { print "# " $1 " takes " $2 " bytes" }
        { name = $1; sub(/.*:/, "", name) }
        $3 ~ /dynamic/ && $3 !~ /bounded/ && !index(excused, " " name " ") {
            print "# " $1 " has a frame of no fixed size"
        }' "$@"
}

judge_folder() { # FOLDER CLASS FLAG...
    folder=$1 class=$2
    shift 2
    rm -f "$tmp"/*
    count=0 broken=
    for source in "$folder"/*.c; do
        [ -e "$source" ] || continue
        count=$((count + 1))
        "$CC" -std=gnu11 -D_GNU_SOURCE -I. -fPIC -fvisibility=hidden -O2 -U_FORTIFY_SOURCE \
            -fno-stack-protector -ftls-model=initial-exec -w -fstack-usage "$@" -c "$source" \
            -o "$tmp/$folder-$count.o" 2>"$tmp/errors" || broken="$broken $source"
    done
    bad=$(judge "$tmp/$folder"-*.su 2>/dev/null)
    if [ "$count" -eq 0 ] || [ -n "$broken" ] || [ -n "$bad" ]; then
        echo "not ok - $class: frames of $folder/ stay under $LIMIT bytes"
        [ "$count" -eq 0 ] && echo "# $folder/ has no sources"
        [ -n "$broken" ] && echo "# cannot be compiled:$broken"
        [ -n "$bad" ] && echo "$bad"
    else
        most=$(sort -t "$(printf '\t')" -k2,2nr "$tmp/$folder"-*.su | head -1 |
            awk -F '\t' '{ sub(/.*:/, "", $1); print $1 " " $2 }')
        echo "ok - $class: frames of $folder/ stay under $LIMIT bytes (largest: $most)"
    fi
}

for folder in core shim preload; do
    judge_folder $folder 64-bit
done
if [ -e "${BUILD:-build}/lib/i386-linux-gnu/libpillion.so" ]; then
    for folder in core shim preload; do
        judge_folder $folder 32-bit -m32 -msse2 -mstackrealign
    done
else
    echo "ok - 32-bit frames # SKIP the compiler has no -m32"
fi
