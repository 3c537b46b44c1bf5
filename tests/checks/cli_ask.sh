#!/bin/sh
# The commands that ask: check, explain, render, status, reload, decisions, against files and a
# running policyd; exit codes as pillion.1 lists them.
set -u
. "$(dirname "$0")/../common"
export TZ=UTC

field() { # KEY: the first value of it in JSON of a line each
    sed -n 's/^ *"'"$1"'": "\{0,1\}\([^",]*\)"\{0,1\},\{0,1\}$/\1/p' "$tmp/out" | head -1
}

clean_up() {
    for file in "$tmp"/*.pid; do
        [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null
    done
    rm -rf "$tmp"
}
mkdir "$tmp/bin"
cp "$BUILD/pillion" "$BUILD/policyd" "$tmp/bin/"
pillion=$tmp/bin/pillion

cat >"$tmp/good.conf" <<'END'
schema = 1
default = deny
workload "web" { exe = "/usr/sbin/nginx" }
workload "shell" { exe = "/usr/bin/dash" }
policy "floor" {
    owner = "security@corp.example"
    version = 7
    rule "no-metadata" { effect = deny  actions = {connect}  resources = {"169.254.169.254:*"} }
}
policy "web" {
    version = 2
    inherits = {"floor"}
    applies = {"workload:web"}
    rule "ledger" {
        effect = allow  actions = {connect}  resources = {"10.0.3.11:5432"}
        when { hours = "06:00-22:00" }
    }
    rule "anything" { effect = allow  actions = {connect}  resources = {"169.254.0.0/16:*"} }
    rule "names" { effect = allow  actions = {resolve}  resources = {"*.corp.example"} }
    rule "in" {
        effect = allow  actions = {accept}  resources = {"*:80"}
        when { source = {"10.0.0.0/8"} }
    }
    rule "lib" {
        effect = allow  actions = {send}  resources = {"*:53"}
        when { caller = {"libresolv.so.*"} }
    }
}
policy "trial" {
    stage = shadow
    applies = {"workload:web"}
    rule "stop" { effect = deny  actions = {connect}  resources = {"10.0.3.11:*"} }
}
END
chmod 644 "$tmp/good.conf"
explain() { # CODE OPTIONS...
    code=$1
    shift
    try "$code" "$pillion" explain --policy "$tmp/good.conf" "$@"
}

# ---- check ---------------------------------------------------------------------------------------

try 0 "$pillion" check "$tmp/good.conf" && out '^0 errors, 0 warnings$' && out '3 policies, 7 rules'
verdict $? "check counts what a good policy holds"
try 0 "$pillion" check --json "$tmp/good.conf" && [ "$(field rules)" = 7 ] && out '"ok": true'
verdict $? "and says so in JSON"
printf '%s\n' 'schema = 1' 'workload "a" { exee = "/x" }' >"$tmp/bad.conf"
try 1 "$pillion" check "$tmp/bad.conf" && err '^error: .*bad.conf:2: .*"exee"' &&
    out '^1 error, 0 warnings$'
verdict $? "check shows file, line and text of an error"
try 1 "$pillion" check --json "$tmp/bad.conf" && out '"severity": "error"' && out '"ok": false'
verdict $? "also in JSON, and its code is 1"
cat >"$tmp/more.conf" <<'END'
schema = 1
default = deny
service "s" { endpoints = {"10.0.0.1:1"}  encrypt = native }
END
try 1 "$pillion" check "$tmp/more.conf" && err 'more.conf:3' &&
    try 0 "$pillion" check --portable "$tmp/more.conf"
verdict $? "what this build cannot keep is an error, unless the policy is for others"
try 1 "$pillion" check /no/such/file
verdict $? "a file that is not there is an error"
try 2 "$pillion" check
verdict $? "check of nothing is wrong usage"

# ---- explain, from files -------------------------------------------------------------------------

explain 0 --as web --at 2026-01-05T12:00Z connect 10.0.3.11:5432 &&
    out '^allow: connect 10.0.3.11:5432 as web' &&
    out 'policy "web" rule "ledger" (.*good.conf:14), version 2' && out 'would-deny' &&
    out 'rule "stop"'
verdict $? "an allowed call: verdict, rule, place, version and what the shadow would change"
explain 1 --as web --at 2026-01-05T23:00Z connect 10.0.3.11:5432 && out 'default-deny' &&
    out 'error     EACCES' &&
    out 'web/ledger .*06:00-22:00'
verdict $? "at another hour: the default, and the rule that nearly matched with what it wants"
explain 1 --as web connect 169.254.169.254:80 && out 'rule-deny' &&
    out 'rule "no-metadata" (.*good.conf:8), version 7'
verdict $? "a deny rule wins over an allow rule"
explain 1 --as "" connect 10.0.3.11:5432 && out 'workload without a name'
verdict $? "the workload without a name can be asked for"
explain 0 --as web resolve ledger.corp.example && explain 1 --as web resolve corp.example &&
    out 'error     EAI_FAIL'
verdict $? "resolve is judged by the name, and denied as getaddrinfo denies"
explain 0 --as web --source 10.1.2.3 accept 10.0.0.1:80 &&
    explain 1 --as web --source 192.0.2.1 accept 10.0.0.1:80 &&
    explain 1 --as web accept 10.0.0.1:80 && out 'web/in .*cannot be seen'
verdict $? "accept is judged by its source, and not allowed without one"
explain 0 --as web --caller libresolv.so.2 send 10.0.0.1:53 &&
    explain 1 --as web --caller libc.so.6 send 10.0.0.1:53
verdict $? "a calling library is a condition"
explain 0 --exe /usr/sbin/nginx --at 2026-01-05T12:00Z connect 10.0.3.11:5432 && out ' as web,'
verdict $? "an executable finds its workload"
explain 0 --json --as web --at 2026-01-05T12:00Z connect 10.0.3.11:5432 &&
    [ "$(field verdict)" = allow ] &&
    [ "$(field shadow_verdict)" = would-deny ] && out '"line": 14'
verdict $? "JSON carries the same"
explain 2 --as nobody connect 10.0.0.1:1 && err 'no workload "nobody"' &&
    explain 2 connect 10.0.0.1:1 &&
    explain 2 --as web conect 10.0.0.1:1 && err 'legal is connect' &&
    explain 2 --as web connect 10.0.0.0/8:1 &&
    explain 2 --as web --at noon connect 10.0.0.1:1 && explain 2 --as web connect
verdict $? "questions that cannot be asked are wrong usage"

# ---- render --------------------------------------------------------------------------------------

try 0 "$pillion" render "$tmp/good.conf" && cp "$tmp/out" "$tmp/rendered.conf" &&
    chmod 644 "$tmp/rendered.conf" &&
    try 0 "$pillion" render "$tmp/rendered.conf" && cmp -s "$tmp/out" "$tmp/rendered.conf"
verdict $? "rendered text is a policy that renders to itself"
try 1 "$pillion" render "$tmp/bad.conf" && err 'bad.conf:2'
verdict $? "a bad policy is not rendered"

# ---- nobody there --------------------------------------------------------------------------------

for command in status reload render "decisions --follow" "explain --as web connect 10.0.0.1:1"; do
    # shellcheck disable=SC2086 # words on purpose
    PILLION_SOCKET=$tmp/none try 3 "$pillion" $command && err "$tmp/none"
    verdict $? "without policyd, $command ends with 3 and names the socket"
done

# ---- a policyd -----------------------------------------------------------------------------------

# Without -f policyd returns when it is ready.
cp "$tmp/good.conf" "$tmp/live.conf"
try 0 "$tmp/bin/policyd" -s "$tmp/sock" -p "$tmp/live.conf" -l "$tmp/log" --pidfile "$tmp/one.pid"
verdict $? "policyd starts"
export PILLION_SOCKET="$tmp/sock"

try 0 "$pillion" status && out '^health     ok' && out '3 policies, 7 rules' &&
    out "^policyd .*$tmp/sock"
verdict $? "status shows health, policy and socket"
try 0 "$pillion" status --processes --json && out '"attached"' && [ "$(field version)" = 0.1.0 ]
verdict $? "status in JSON carries the processes"
try 0 "$pillion" render && cmp -s "$tmp/out" "$tmp/rendered.conf"
verdict $? "the policy in force renders to the same text as its file"
try 0 "$pillion" explain --as web --at 2026-01-05T12:00Z connect 10.0.3.11:5432 &&
    out 'live.conf:14'
verdict $? "explain asks the policy in force"
try 1 "$pillion" explain --pid $$ connect 10.0.3.11:5432 && out ' as '
verdict $? "explain asks for a running process"
try 2 "$pillion" explain --pid 2147483647 connect 10.0.3.11:5432
verdict $? "a process that is not there is wrong usage"

try 0 "$pillion" status --json && before=$(field generation)
sed 's/version = 2/version = 3/' "$tmp/good.conf" >"$tmp/live.conf"
try 0 "$pillion" reload && out 'is in force' && try 0 "$pillion" status --json &&
    [ "$(field generation)" -gt "$before" ]
verdict $? "reload brings a new generation into force"
try 0 "$pillion" explain --as web --at 2026-01-05T12:00Z connect 10.0.3.11:5432 && out 'version 3'
verdict $? "explain knows it at once"
echo 'nonsense' >>"$tmp/live.conf"
try 1 "$pillion" reload && err 'live.conf:[0-9]*: .*nonsense' && err 'stays in force'
verdict $? "a broken policy is refused with its place, and the old one stays"
try 1 "$pillion" status && out '^health     NOT OK' && out 'last load  failed'
verdict $? "status tells, and ends with 1"
try 0 "$pillion" explain --as web --at 2026-01-05T12:00Z connect 10.0.3.11:5432 && out 'version 3'
verdict $? "explain goes on with the one in force"
sed 's/version = 2/version = 3/' "$tmp/good.conf" >"$tmp/live.conf"
try 0 "$pillion" reload --json && [ "$(field outcome)" != failed ] && try 0 "$pillion" status
verdict $? "a good one heals it"

# Each load is an event that a follower hears of, from the moment on that it is one.
cat >"$tmp/follow.sh" <<'END'
coproc FOLLOWER { exec "$1" decisions --follow; }
for _ in {1..60}; do
    "$1" reload >/dev/null
    if read -t 0.5 -r line <&"${FOLLOWER[0]}"; then
        kill "$FOLLOWER_PID"
        echo "$line"
        exit 0
    fi
done
exit 1
END
try 0 bash "$tmp/follow.sh" "$pillion" && out '^{"time":.*"event":"load"'
verdict $? "decisions --follow shows what happens, as JSON lines into a pipe"

if [ "$(id -u)" -eq 0 ]; then
    as_nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
    try 4 $as_nobody "$pillion" reload
    verdict $? "another user may not reload"
    mkdir "$tmp/theirs"
    chown 65534 "$tmp/theirs"
    $as_nobody "$tmp/bin/policyd" -s "$tmp/theirs/sock" -p "$tmp/good.conf" -l "$tmp/theirs/log" \
        --pidfile "$tmp/theirs/two.pid" >"$tmp/out" 2>"$tmp/err"
    try 4 "$pillion" status --socket "$tmp/theirs/sock" && err 'uid 65534'
    verdict $? "a policyd of another user is not believed"
    kill "$(cat "$tmp/theirs/two.pid")"
else
    echo "ok - other users # SKIP not root"
fi

# ---- a log that somebody has been at -------------------------------------------------------------

cat >"$tmp/odd.log" <<'END'
{"time":"2026-01-05T08:30:15.1Z","verdict":"deny","resource":"unix:/\u001b[2Jx"}
no json
{"time":"2026-01-05T08:30:16.1Z","verdict":"allow\u001b","policy":"p","rule":"r"}
{"time":"\u001b","event":"\u0007load","workload":"\u009b\t"}
END
escape=$(printf '\033')
try 0 script -qc "$pillion decisions --log $tmp/odd.log" /dev/null && out 'unix:/?\[2Jx' &&
    out ' p/r' && out '?load' && out 'is no JSON object' && ! out "$escape" &&
    ! out "$(printf '\302\233')"
verdict $? "a table steers no terminal and passes over what it cannot read"

# ---- completion ----------------------------------------------------------------------------------

offer() { # WORDS...: what bash offers for the last of them
    PATH=$tmp/bin:$PATH bash -c '. dist/pillion.bash
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _pillion
        printf "%s\n" "${COMPREPLY[@]}"' bash "$@" >"$tmp/out" 2>"$tmp/err"
}
offer pillion re && out '^render$' && out '^reload$' && ! out run
verdict $? "commands are completed"
for command in run check explain render status reload decisions version; do
    "$pillion" "$command" --help | grep -o -- '--[a-z][a-z0-9-]*' | sort -u >"$tmp/want"
    offer pillion "$command" -- && sort -u "$tmp/out" >"$tmp/got" &&
        diff "$tmp/want" "$tmp/got" >"$tmp/out"
    verdict $? "completion knows the options of $command, no more and no less"
    for option in $(cat "$tmp/want"); do
        grep -q "Fl -${option#--}" man/pillion.1 || echo "$option"
    done >"$tmp/out"
    [ ! -s "$tmp/out" ]
    verdict $? "the manual names the options of $command"
done
