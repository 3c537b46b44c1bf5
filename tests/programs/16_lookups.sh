#!/bin/sh
# Ways to come by libc's functions without the look-up at start: dlsym, dlvsym, RTLD_DEEPBIND and
# dlmopen. The first three are covered, the last is reported, or refused where policy says so.
set -u
. "$(dirname "$0")/common"
need gcc

build() { # PROGRAM SOURCE FLAG...
    program=$1 source=$2
    shift 2
    gcc -O1 -D_GNU_SOURCE -I. -o "$tmp/$program" "tests/programs/$source" "$@" || exit 1
}
build plugin.so lookups_plugin.c -shared -fPIC
build lookups lookups.c
build deep lookups_deep.c

scenario() {
    $RUN "$tmp/lookups" "$tmp/plugin.so"
}
compare_legs

# says TEXT FILE LINE: one line of what a program printed, or of the log
says() {
    if grep -q "$3" "$2"; then
        echo "ok - $subject: $1"
    else
        echo "not ok - $subject: $1"
        sed 's/^/# /' "$2" | tail -20
    fi
}

install -m 644 tests/victims/deny.conf "$tmp/deny.conf"
"$BUILD/pillion" run --solo "$tmp/deny.conf" --log "$tmp/log" -- "$tmp/lookups" "$tmp/plugin.so" \
    >"$tmp/denied" 2>&1
whole_log "$tmp/log"
for way in "dlsym of libc" "dlvsym of libc" "dlsym of the program" "dlsym of whatever is first" \
    "dlsym by dlsym" "dlopen" "dlmopen into the base"; do
    says "$way is judged" "$tmp/denied" "^$way to 127.0.0.2: EACCES\$"
    says "$way goes where it may" "$tmp/denied" "^$way to 127.0.0.1: ok\$"
done
says "dlmopen is out of reach" "$tmp/denied" "^dlmopen to 127.0.0.2: ok\$"
says "and reported" "$tmp/log" '"event":"coverage-lost".*plugin.so","reason":"namespace"'
"$BUILD/pillion" run --solo "$tmp/deny.conf" --log "$tmp/deep.log" -- "$tmp/deep" "$tmp/plugin.so" \
    >"$tmp/denied" 2>&1
whole_log "$tmp/deep.log"
says "RTLD_DEEPBIND is judged" "$tmp/denied" "^denied: EACCES\$"
says "RTLD_DEEPBIND goes where it may" "$tmp/denied" "^allowed: ok\$"
says "and reported" "$tmp/deep.log" '"event":"deepbind".*plugin.so"'

cat >"$tmp/required.conf" <<END
schema = 1
default = allow
workload "lookups" { exe = "$tmp/lookups"  coverage = required }
END
chmod 644 "$tmp/required.conf"
"$BUILD/pillion" run --solo "$tmp/required.conf" --log "$tmp/required.log" -- "$tmp/lookups" \
    "$tmp/plugin.so" >"$tmp/denied" 2>&1
whole_log "$tmp/required.log"
says "dlmopen is refused where coverage is required" "$tmp/denied" \
    "^dlmopen: (refused: Pillion cannot cover a namespace of its own)"
says "and that is in the log" "$tmp/required.log" \
    '"event":"exec-refused".*plugin.so","reason":"namespace"'
