#!/bin/sh
# pillion shadow: exact counts of what would have been, and rules that make it pass.
set -u
. "$(dirname "$0")/../common"
PATH=/usr/bin:/bin:/usr/sbin:/sbin
out() { grep -Eq -- "$1" "$tmp/out"; }

# A listener that takes what comes, so that ports are known to be there.
perl -MIO::Socket::INET -MIO::Select -e '$| = 1;
    my @two = map { IO::Socket::INET->new(Listen => 128, LocalAddr => "127.0.0.1") } 1 .. 2;
    my $all = IO::Select->new(@two);
    print join(" ", map { $_->sockport } $all->handles), "\n";
    while (my @ready = $all->can_read) { $_->accept for @ready }' >"$tmp/ports" &
jobs="$jobs $!"
ready grep -q ' ' "$tmp/ports"
read -r one two <"$tmp/ports"

perl=$(readlink -f "$(command -v perl)")
policy() { # RULES
    cat >"$tmp/new.conf" <<END
schema = 1
default = allow
workload "caller" { exe = "$perl" }
policy "tomorrow" {
    applies = {"workload:caller"}
    stage   = shadow
    default = deny
    rule "never" { effect = deny  actions = {connect}  resources = {"127.0.0.1:$two"} }
$1
}
END
    chmod 644 "$tmp/new.conf"
    mv "$tmp/new.conf" "$tmp/policy.conf"
}
policy ''
"$policyd" -f -c "$patient" -s "$tmp/sock" -p "$tmp/policy.conf" -l "$tmp/log" &
jobs="$jobs $!"
ready "$pillion" status -s "$tmp/sock"

# PORT TIMES: so many connections by one process.
cat >"$tmp/calls" <<END
exec "$pillion" run -s "$tmp/sock" -- perl -MIO::Socket::INET -e '
    for (1 .. \$ARGV[1]) { IO::Socket::INET->new("127.0.0.1:\$ARGV[0]") or die "\$!" }' "\$@"
END
calls=$tmp/calls

try 0 "$pillion" shadow -s "$tmp/sock" && out '^no differences$' && out ': 0 calls would'
verdict $? "without a difference there is none"
try 0 sh "$calls" "$one" 500 && try 0 sh "$calls" "$one" 7 && try 0 sh "$calls" "$two" 3
verdict $? "nothing is refused"
try 0 "$pillion" shadow -s "$tmp/sock" && out ': 510 calls would have been denied, 0 ' &&
    out "^507 +would-deny +caller +perl +connect +127.0.0.1:$one +tomorrow: no rule, " &&
    out "^3 +would-deny +caller +perl +connect +127.0.0.1:$two +tomorrow/never "
verdict $? "every call is counted, those that caches answered included"
try 0 "$pillion" shadow -s "$tmp/sock" --json && out '"would_deny": 510,' && out '"count": 507,' &&
    out '"missed": 0,' && out '"untold": 0,' && out '"shadow_rule": "never",'
verdict $? "programs get the same in JSON"
try 0 "$pillion" shadow -s "$tmp/sock" --policy today && out '^no differences$' &&
    try 0 "$pillion" shadow -s "$tmp/sock" --policy tomorrow --since 1h --workload caller &&
    out '^507 ' && try 0 "$pillion" shadow -s "$tmp/sock" --since 2099-01-01T00:00Z &&
    out '^no differences$' && try 2 "$pillion" shadow --since soon && err 'legal is'
verdict $? "what is shown can be narrowed"

# A name of several addresses is asked ahead, so that policyd never sees the connect itself.
printf '127.0.0.1 two.test\n127.0.0.2 two.test\n' >"$tmp/hosts"
if [ -x /usr/bin/python3 ] && unshare -m mount --bind "$tmp/hosts" /etc/hosts 2>/dev/null; then
    cp "$tmp/policy.conf" "$tmp/kept.conf"
    sed "s|$perl|/usr/bin/python3*|" "$tmp/kept.conf" >"$tmp/new.conf"
    chmod 644 "$tmp/new.conf" "$tmp/kept.conf" && mv "$tmp/new.conf" "$tmp/policy.conf"
    try 0 "$pillion" reload -s "$tmp/sock" && try 0 unshare -m sh -c '
        mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$tmp/hosts" \
        "$pillion" run -s "$tmp/sock" -- /usr/bin/python3 -c "
import socket
for _ in range(3):
    socket.create_connection(('two.test', $one)).close()" &&
        try 0 "$pillion" shadow -s "$tmp/sock" &&
        out "^3 +would-deny .* connect +127.0.0.1:$one " &&
        ! out '127.0.0.2'
    verdict $? "a call counts also when it was asked ahead, what was only asked ahead does not"
    mv "$tmp/kept.conf" "$tmp/policy.conf"
else
    echo "ok - an answer got ahead # SKIP no python3, or no mount namespace of one's own"
fi

# ---- rules ---------------------------------------------------------------------------------------

try 0 "$pillion" shadow -s "$tmp/sock" --reset && out '^507 ' &&
    try 0 "$pillion" shadow -s "$tmp/sock" && out '^no differences$'
verdict $? "what was reported can be forgotten"
policy '' && try 0 "$pillion" reload -s "$tmp/sock" && try 0 sh "$calls" "$one" 5 &&
    try 0 sh "$calls" "$two" 2 &&
    try 0 "$pillion" shadow -s "$tmp/sock" --rules && out '^# for policy "tomorrow":$' &&
    out '^ +rule "caller-connect" \{$' && out '^ +subjects +=' &&
    out "\"127.0.0.1:$one\",  # 5 times" &&
    out "^# rule \"never\" denies connect 127.0.0.1:$two, 2 times"
verdict $? "rules are offered, but not against a rule that denies"
policy "$(cat "$tmp/out")"
try 0 "$pillion" check "$tmp/policy.conf" && out '0 errors, 0 warnings'
verdict $? "pasted into the policy they pass the check"
try 0 "$pillion" reload -s "$tmp/sock" && try 0 "$pillion" shadow -s "$tmp/sock" --reset &&
    try 0 sh "$calls" "$one" 50 && try 0 "$pillion" shadow -s "$tmp/sock" && out '^no differences$'
verdict $? "and nothing would be denied any more"
sed 's/stage   = shadow/stage   = enforce/' "$tmp/policy.conf" >"$tmp/new.conf" &&
    chmod 644 "$tmp/new.conf" && mv "$tmp/new.conf" "$tmp/policy.conf" &&
    try 0 "$pillion" reload -s "$tmp/sock" && try 0 sh "$calls" "$one" 1 &&
    try 13 sh "$calls" "$two" 1
verdict $? "nor is it, when the policy is enforced"

# ---- a log ---------------------------------------------------------------------------------------

ready grep -q '"outcome":"new","cause":"command"' "$tmp/log"
try 0 "$pillion" shadow --log "$tmp/log" && out '^DECISIONS ' && out '^decisions of the log' &&
    out "^3 +would-deny +caller +perl +connect +127.0.0.1:$one +tomorrow: no rule, its default"
verdict $? "a log tells the same in decisions: one for each process that asked"
{ cat "$tmp/log"; echo 'no JSON'; } >"$tmp/broken"
try 0 "$pillion" shadow --log - <"$tmp/broken" && err '1 lines of the log'
"$pillion" shadow --log - --rules <"$tmp/broken" >"$tmp/out" 2>"$tmp/err"
out "\"127.0.0.1:$one\"," && err '1 lines of the log'
verdict $? "and offers rules, past lines that are none"
try 2 "$pillion" shadow --log "$tmp/log" --reset && try 2 "$pillion" shadow --json --rules &&
    try 125 "$pillion" shadow --log /no/such/log && try 3 "$pillion" shadow -s "$tmp/none"
verdict $? "wrong wishes are refused"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    cp "$pillion" "$tmp/pillion"
    try 4 setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/pillion" shadow -s "$tmp/sock" &&
        err 'only root'
    verdict $? "not everybody may ask"
else
    echo "ok - who may ask # SKIP not root: no other user can be played"
fi

# ---- a whole host --------------------------------------------------------------------------------

# Enforced policies, and the host's switch at shadow.
echo shadow >"$tmp/switch"
cat >"$tmp/policyd.conf" <<END
socket = "$tmp/sock2"
abstract = ""
policy = {"$tmp/policy.conf"}
switch = "$tmp/switch"
log = "$tmp/log2"
deadline = 30s
END
chmod 644 "$tmp/switch" "$tmp/policyd.conf"
"$policyd" -f -c "$tmp/policyd.conf" 2>"$tmp/err" &
jobs="$jobs $!"
ready "$pillion" status -s "$tmp/sock2"
sed "s|$tmp/sock|$tmp/sock2|" "$tmp/calls" >"$tmp/calls2"
try 0 sh "$tmp/calls2" "$two" 9 && try 0 "$pillion" shadow -s "$tmp/sock2" &&
    out "^9 +would-deny +caller +perl +connect +127.0.0.1:$two +tomorrow/never "
verdict $? "the host's switch at shadow is reported like a policy in shadow"

[ "$number" -ge 13 ] || echo "not ok - only $number checks ran"
