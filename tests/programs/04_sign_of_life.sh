#!/bin/sh
# also: 45
# policyd must hear of the library in time, or the process is ended; and a wrapper that takes the
# library out of the environment does not get around it.
set -u
. "$(dirname "$0")/common"
need cc

# A library that loads well and never says a word.
place=$tmp/mute
mkdir -m 755 "$place"
install -m 755 "$BUILD/pillion" "$BUILD/policyd" "$place"
echo 'int pil_nothing;' | cc -shared -fPIC -x c -o "$place/libpillion.so" - || exit 1
timeout 60 "$place/pillion" run --solo "$allow" --timeout 300 -- \
    sh -c 'trap "" TERM INT HUP; echo started; sleep 600 & echo $! >"$1"; wait; echo survived' \
    sh "$tmp/sleeper" >"$tmp/out" 2>&1 </dev/null
code=$?
[ ! -s "$tmp/sleeper" ] || kill -9 "$(cat "$tmp/sleeper")" # it ignores the others, too
echo "status $code" >>"$tmp/out"
[ $code -ne 0 ] && [ $code -ne 124 ] && ! grep -q survived "$tmp/out"
verdict $? "a process without the library's word is ended, whatever it ignores"

# Whoever is started under Pillion finds the library mapped, whichever way its variables went.
covered='grep -q libpillion.so /proc/self/maps && echo covered'
wrap() { # TEXT SCRIPT
    timeout 60 "$BUILD/pillion" run --solo "$allow" -- sh -c "$2" >"$tmp/out" 2>&1 </dev/null
    grep -qx covered "$tmp/out"
    verdict $? "$1"
}
wrap "a wrapper that unsets LD_PRELOAD" "unset LD_PRELOAD; exec sh -c '$covered'"
wrap "a wrapper that empties it" "LD_PRELOAD= exec sh -c '$covered'"
wrap "a wrapper that puts another one there" \
    "LD_PRELOAD=/nowhere/else.so exec sh -c '$covered' 2>/dev/null"
wrap "env -i" "exec env -i sh -c '$covered'"
wrap "env -u, twice" "exec env -u LD_PRELOAD env -u LD_PRELOAD sh -c '$covered'"
wrap "a forgetful shell in a pipeline" "unset LD_PRELOAD; sh -c '$covered' | cat"
if command -v setsid >/dev/null; then
    wrap "a daemon's way: setsid, no environment" "exec env -i setsid --wait sh -c '$covered'"
fi
timeout 60 "$BUILD/pillion" run --solo "$allow" -- perl -e '
    %ENV = (); exec "/bin/sh", "-c", q('"$covered"')' >"$tmp/out" 2>&1
grep -qx covered "$tmp/out"
verdict $? "perl with an empty %ENV"
timeout 60 "$BUILD/pillion" run --solo "$allow" -- python3 -c '
import subprocess, sys
subprocess.run(["/bin/sh", "-c", sys.argv[1]], env={})' "$covered" >"$tmp/out" 2>&1
grep -qx covered "$tmp/out"
verdict $? "python with an empty environment"
