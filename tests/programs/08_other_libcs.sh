#!/bin/sh
# Other libcs: every symbol that the library needs is as old as glibc 2.17, so that it loads with
# all since (`make releases` runs it with 2.31 and 2.41); a program for musl is refused by name, and
# as a child it is noted, or refused where the workload must stay covered.
set -u
. "$(dirname "$0")/common"
need cc nm perl
show=$tmp/log

nm -D --undefined-only "$BUILD/libpillion.so" | awk '$1 == "U" { print $2 }' >"$tmp/out"
[ -s "$tmp/out" ] && perl -ne '
    /^\w+\@GLIBC_2\.(\d+)/ && $1 <= 17 or $bad = 1; END { exit($bad // 0) }' "$tmp/out"
verdict $? "each of its $(wc -l <"$tmp/out") symbols is in glibc 2.17"

echo 'int main(void) { return 7; }' >"$tmp/p.c"
if command -v musl-gcc >/dev/null && musl-gcc -o "$tmp/musl" "$tmp/p.c"; then
    "$tmp/musl"
    [ $? = 7 ] || { echo "not ok - the program for musl runs by itself"; exit 1; }
else
    skip "a program by musl's own compiler" "musl-gcc is not installed"
    cc -o "$tmp/musl" -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 "$tmp/p.c"
fi
try 126 "$pillion" run --solo "$allow" -- "$tmp/musl" && err '(libc)' &&
    err 'its loader: /lib/ld-musl'
verdict $? "a program for musl is refused, and its loader named"
cat >"$tmp/required.conf" <<CONF
schema = 1
default = allow
workload "shell" { exe = "$(readlink -f /bin/sh)"  coverage = required }
policy "all" { applies = {"*"}  rule "all" { effect = allow } }
CONF
chmod 644 "$tmp/required.conf"
try 126 "$pillion" run --solo "$tmp/required.conf" --log "$tmp/log" -- \
    sh -c "'$tmp/musl'; exit \$?" && whole_log "$tmp/log" && grep -q exec-refused "$tmp/log"
verdict $? "as a child of a workload that must stay covered it is refused, and logged"
