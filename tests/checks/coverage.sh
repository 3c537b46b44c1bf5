#!/bin/sh
# Children that leave Pillion's reach: told by the log, refused where the workload's policy says so,
# and a reload that says so reaches programs that run.
set -u
. "$(dirname "$0")/../common"
show=$tmp/log

# A static program and a shell that starts it: by fork and exec, as shells do.
printf 'int main(void) { return 7; }\n' | ${CC:-cc} -static -x c -o "$tmp/static" - || exit 1
shell=$(readlink -f /bin/sh)

policy() {
    cat >"$tmp/new.conf" <<CONF
schema = 1
default = allow
workload "shell" { exe = "$shell"  coverage = $1 }
policy "all" { applies = {"*"}  rule "all" { effect = allow } }
CONF
    chmod 600 "$tmp/new.conf"
    mv "$tmp/new.conf" "$tmp/policy.conf"
}
logged() { ready grep -q "$1" "$tmp/log"; }

policy report
later "$policyd" -f -c "$patient" -p "$tmp/policy.conf" -s "$tmp/sock" -l "$tmp/log"
ready "$pillion" status -s "$tmp/sock" || verdict 1 "policyd starts"
in_force() { # COVERAGE
    policy "$1" && try 0 "$pillion" reload -s "$tmp/sock"
}
runs() { # CODE SCRIPT
    try "$1" "$pillion" run -s "$tmp/sock" -- sh -c "$2"
}

runs 7 "'$tmp/static'; exit \$?"
verdict $? "by default the child runs"
logged '"coverage-lost"'
verdict $? "and the log says that it left"
in_force required && runs 126 "'$tmp/static'; exit \$?"
verdict $? "coverage = required refuses it"
logged '"exec-refused"'
verdict $? "and the log says that, too"
runs 5 "/bin/true && exit 5"
verdict $? "what stays covered runs"

# A shell that has been running since before the reload, and waits for its next line.
in_force report
mkfifo "$tmp/lines"
"$pillion" run -s "$tmp/sock" -- \
    sh -c "while read -r line; do '$tmp/static'; echo \$? >>'$tmp/codes'; done" <"$tmp/lines" \
    >"$tmp/out" 2>&1 &
jobs="$jobs $!"
exec 3>"$tmp/lines"
codes() { [ "$(tr '\n' ' ' <"$tmp/codes")" = "$1" ]; }
echo go >&3
ready codes "7 " && in_force required && echo go >&3 && ready codes "7 126 "
verdict $? "a reload reaches a shell that runs"
exec 3>&-
