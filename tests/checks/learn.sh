#!/bin/sh
# pillion learn: what it writes lets the same through and nothing else, and what it adds to stays.
set -u
. "$(dirname "$0")/../common"
PATH=/usr/bin:/bin:/usr/sbin:/sbin

for program in redis-server redis-cli wget curl nginx perl; do
    command -v $program >/dev/null || {
        echo "ok - learning # SKIP $program is not installed"
        exit 0
    }
done

has() { grep -qF -- "$2" "$1"; }

# A port that is free now, below those that the kernel gives away.
low_port() {
    perl -MIO::Socket::INET -e 'for (1 .. 1000) { my $port = 10000 + int rand 20000;
        IO::Socket::INET->new(Listen => 1, LocalAddr => "0.0.0.0", LocalPort => $port) or next;
        print $port; exit }'
}

range=$(awk '{ print $1 "-" $2 }' /proc/sys/net/ipv4/ip_local_port_range)
one=$(low_port) two=$(low_port)
later redis-server --port "$one" --bind 127.0.0.1 --save '' --dir "$tmp"
later redis-server --port "$two" --bind 127.0.0.1 --save '' --dir "$tmp"
ready redis-cli -p "$one" ping && ready redis-cli -p "$two" ping
verdict $? "two servers to reach"

# ---- a client ------------------------------------------------------------------------------------

f=$tmp/redis.conf show=$f
try 0 "$pillion" learn -o "$f" --owner me -- redis-cli -p "$one" ping &&
    [ "$(cat "$tmp/out")" = PONG ] && err '1 thing, written'
verdict $? "a program is looked on at, and its output is its own"
sed 's/#.*//; s/ *$//; /^$/d' "$f" >"$tmp/plain"
cat >"$tmp/expected" <<END
schema = 1
workload "redis-cli" { exe = "$(readlink -f "$(command -v redis-cli)")" }
policy "redis-cli" {
    owner   = "me"
    version = 1
    default = deny
    applies = {"workload:redis-cli"}
    rule "connect" {
        effect    = allow
        actions   = {connect}
        resources = {
            "127.0.0.1:$one",
        }
    }
}
END
diff "$tmp/expected" "$tmp/plain" >"$tmp/err"
verdict $? "its policy says who, what and where, and no more"
grep -Eq "^ +\"127.0.0.1:$one\",  # once, [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\$" "$f"
verdict $? "a comment says how often and when"
try 0 "$pillion" check "$f" && out '0 errors, 0 warnings'
verdict $? "the policy passes the check without a warning"
try 0 "$pillion" run --solo "$f" -- redis-cli -p "$one" ping && out PONG
verdict $? "the same again passes under it"
try 1 "$pillion" run --solo "$f" --log "$tmp/log" -- redis-cli -p "$two" ping &&
    err 'Permission denied' && ready has "$tmp/log" "\"resource\":\"127.0.0.1:$two\"" &&
    has "$tmp/log" '"policy":"redis-cli"' && has "$tmp/log" "\"file\":\"$f\""
verdict $? "another port is refused, and the log names the policy and its place"

# ---- learning again ------------------------------------------------------------------------------

sed -i 's|^workload|# by hand: stays as it is\nworkload|; s|^    owner.*|& # mine|' "$f"
cp "$f" "$tmp/before"
try 0 "$pillion" learn -o "$f" -- redis-cli -p "$two" ping && out PONG &&
    err "new: connect 127.0.0.1:$two (redis-cli)" &&
    err "not seen this time, kept: 127.0.0.1:$one (policy redis-cli, rule connect)" &&
    err '1 new, 0 covered already, 1 not seen this time'
verdict $? "a second run says what is new and what was not seen"
[ "$(diff "$tmp/before" "$f" | grep -c '^<')" = 1 ] &&
    diff "$tmp/before" "$f" | grep -q '^<     version = 1$' &&
    [ "$(diff "$tmp/before" "$f" | grep -c '^>')" = 2 ] &&
    diff "$tmp/before" "$f" | grep -q "^>             \"127.0.0.1:$two\",  # once, "
verdict $? "and changes one value and the version, nothing that is written by hand"
for port in $one $two; do
    try 0 "$pillion" run --solo "$f" -- redis-cli -p "$port" ping || break
done
verdict $? "both pass now"
try 0 "$pillion" learn -o "$f" -- sh -c "redis-cli -p $one ping; redis-cli -p $two ping" &&
    err '0 new, 2 covered already, 0 not seen' && has "$f" "127.0.0.1:$two\",  # 2 times, "
verdict $? "what is covered only counts"
chmod 640 "$f" && ln -s "$f" "$tmp/link.conf"
try 0 "$pillion" learn -o "$tmp/link.conf" -- redis-cli -p "$two" ping && [ -L "$tmp/link.conf" ] &&
    [ "$(stat -c %a "$f")" = 640 ] && ! ls -A "$tmp" | grep -q '^\.'
verdict $? "the file keeps its place and mode, and nothing is left beside it"

cat >"$tmp/hand.conf" <<END
schema = 1   // all by hand
workload "cli" { exe = "$(readlink -f "$(command -v redis-cli)")" }
service "cache" { endpoints = {"127.0.0.1:$one"} }
policy "cli" { applies = {"workload:cli"} version = 41
    rule "cache" { effect = allow actions = {connect} resources = {"service:cache"} } /* one */ }
policy "never" { applies = {"*"} rule "no" { effect = deny actions = {send} } }
END
cp "$tmp/hand.conf" "$tmp/before"
f=$tmp/hand.conf show=$f
try 0 "$pillion" learn -o "$f" -- redis-cli -p "$one" ping && err '0 new, 1 covered already' &&
    err 'stays' && cmp -s "$f" "$tmp/before"
verdict $? "a policy of somebody's own that covers it is left as it is"
try 0 "$pillion" learn -o "$f" -- sh -c "redis-cli -p $two ping; perl -MSocket -e '
    socket S, AF_INET, SOCK_DGRAM, 0; send S, q(x), 0, pack_sockaddr_in($one, INADDR_LOOPBACK)'" &&
    err 'the policy denies, not added: send' && err '(policy never, rule no)' &&
    has "$f" '{"service:cache", "127.0.0.1:' && has "$f" '/* one */' && has "$f" 'version = 42' &&
    ! has "$f" perl && try 0 "$pillion" check "$f"
verdict $? "one that lacks something gets it where it belongs, and deny rules are respected"

# ---- names ---------------------------------------------------------------------------------------

mkdir "$tmp/www" && echo welcome >"$tmp/www/index.html"
web=$(low_port) other=$(low_port)
nginx_conf() { # PORT
    printf 'daemon off; pid %s/n.pid; error_log stderr; events {}\n' "$tmp"
    printf 'http { access_log off; server { listen %s; root %s/www; }\n' "$1" "$tmp"
    for path in client_body proxy fastcgi uwsgi scgi; do
        printf '%s_temp_path %s/t-%s;\n' $path "$tmp" $path
    done
    echo '}'
}
nginx_conf "127.0.0.1:$web" >"$tmp/plain.conf"
nginx_conf "127.0.0.1:$other" >"$tmp/other.conf"
chmod 755 "$tmp/www"
later nginx -c "$tmp/plain.conf" -p "$tmp"
server=$job
ready curl -s "http://127.0.0.1:$web/"
f=$tmp/wget.conf show=$f
try 0 "$pillion" learn -o "$f" -- wget -q -O - "http://localhost:$web/" && out welcome &&
    has "$f" "service \"localhost-$web\" {" && has "$f" "\"localhost:$web\"," &&
    has "$f" 'actions   = {connect, resolve}' && has "$f" "resources = {\"service:localhost-$web\"}"
verdict $? "a name that is looked up and reached is a service"
try 0 "$pillion" run --solo "$f" -- wget -q -O - "http://localhost:$web/" && out welcome &&
    try 4 "$pillion" run --solo "$f" -- wget -q -t 1 -O - "http://localhost:$one/" &&
    try 4 "$pillion" run --solo "$f" -- wget -q -t 1 -O - "http://127.0.0.1:$web/"
verdict $? "by that name it is reached, by another port or by its address it is not"
kill "$server" && wait "$server"

# ---- a server ------------------------------------------------------------------------------------

f=$tmp/nginx.policy show=$f
later "$pillion" learn -o "$f" -- nginx -c "$tmp/plain.conf" -p "$tmp"
ready curl -sf "http://127.0.0.1:$web/" && kill -TERM "$job" && wait "$job" &&
    has "$f" "\"127.0.0.1:$web\"," && has "$f" 'actions   = {listen}' &&
    has "$f" 'actions   = {accept}' && has "$f" '"127.0.0.1",  # ' && try 0 "$pillion" check "$f"
verdict $? "a server that is told to end ends, and its listening and its peers are learned"
later "$pillion" run --solo "$f" -- nginx -c "$tmp/plain.conf" -p "$tmp"
# What curl says depends on whether it has asked already when the connection is reset.
ready curl -sf "http://127.0.0.1:$web/" &&
    ! curl -s --interface 127.0.0.2 "http://127.0.0.1:$web/" >"$tmp/out" 2>&1 && ! out . &&
    try 0 curl -s --interface 127.0.0.1 "http://127.0.0.1:$web/"
verdict $? "it serves under that policy, but not another peer"
kill "$job" && wait "$job"
try 1 "$pillion" run --solo "$f" --log "$tmp/log" -- nginx -c "$tmp/other.conf" -p "$tmp" &&
    ready grep -q "\"listen\",\"resource\":\"127.0.0.1:$other\".*\"policy\":\"nginx\"" "$tmp/log"
verdict $? "nor may it listen elsewhere"
nginx_conf "$web" >"$tmp/any.conf"
later "$pillion" learn --widen loopback -o "$f.wide" -- nginx -c "$tmp/any.conf" -p "$tmp"
ready curl -sf "http://127.0.0.1:$web/" && kill -TERM "$job" && wait "$job" &&
    has "$f.wide" "\"*:$web\"," && has "$f.wide" '"127.0.0.0/8",' &&
    try 0 "$pillion" check "$f.wide"
verdict $? "every address is \"*\", and peers are widened when that is wished"

# ---- a program with children ---------------------------------------------------------------------

if [ -x /usr/bin/python3 ]; then
    cat >"$tmp/family.py" <<END
import multiprocessing, socket, subprocess, sys, tempfile, os
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
server.accept()
manager = multiprocessing.Manager()
manager.dict()["x"] = 1
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x.sock")
    own = socket.socket(socket.AF_UNIX); own.bind(path); own.listen()
    socket.socket(socket.AF_UNIX).connect(path); own.accept()
subprocess.run(["redis-cli", "-p", "$one", "ping"], check=True)
subprocess.run(["sh", "-c", "redis-cli -p $one ping"], check=True)
if len(sys.argv) > 1:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])))
END
    f=$tmp/family.conf show=$f
    try 0 "$pillion" learn -o "$f" -- /usr/bin/python3 "$tmp/family.py" &&
        has "$f" "subjects  = {\"workload:redis-cli\"}" &&
        has "$f" '"unix:/tmp/pymp-*/listener-*",' &&
        has "$f" "\"127.0.0.1:$range\"," && ! has "$f" 'workload "dash"' &&
        try 0 "$pillion" check "$f" && out '0 errors, 0 warnings'
    verdict $? "children are workloads of their own; ports and paths that change are generalised"
    for again in 1 2 3; do
        try 0 "$pillion" run --solo "$f" -- /usr/bin/python3 "$tmp/family.py" || break
    done
    verdict $? "the family passes again and again"
    try 1 "$pillion" run --solo "$f" -- /usr/bin/python3 "$tmp/family.py" "$two" &&
        err 'PermissionError' &&
        try 1 "$pillion" run --solo "$f" -- redis-cli -p "$two" ping
    verdict $? "but neither parent nor child may reach something else"
else
    echo "ok - a family of processes # SKIP /usr/bin/python3 is not installed"
fi

# ---- the program's own life ----------------------------------------------------------------------

show=/dev/null
try 7 "$pillion" learn -o "$tmp/none.conf" -- sh -c 'exit 7' && [ ! -e "$tmp/none.conf" ] &&
    err 'nothing was learned'
verdict $? "its exit status is ours, and of nothing nothing is written"
try 143 "$pillion" learn -- sh -c 'kill -TERM $$'
verdict $? "a signal that ends it is 128 and its number"
echo hello | "$pillion" learn -- cat >"$tmp/out" 2>"$tmp/err"
[ "$(cat "$tmp/out")" = hello ]
verdict $? "standard input is its own"
later "$pillion" learn -- perl -e '$| = 1; $SIG{USR1} = sub { print "one\n" };
    $SIG{HUP} = sub { print "hup\n"; exit 5 }; print "ready\n"; sleep 1 while 1'
ready grep -q ready "$tmp/job.out" && kill -USR1 "$job" && ready grep -q one "$tmp/job.out" &&
    kill -HUP "$job"
wait "$job"
[ $? -eq 5 ] && grep -q hup "$tmp/job.out"
verdict $? "signals that we are sent go to it"
three=$(low_port)
f=$tmp/daemon.conf show=$f
daemon="redis-server --port $three --bind 127.0.0.1 --save '' --daemonize yes --dir $tmp"
later "$pillion" learn --wait -o "$f" -- sh -c "$daemon"
ready redis-cli -p "$three" ping && redis-cli -p "$three" shutdown nosave && wait "$job" &&
    has "$f" "\"127.0.0.1:$three\"," && has "$f" 'actions   = {accept}'
verdict $? "with --wait also what it leaves running is learned"
try 0 "$pillion" learn -o "$f.2" -- \
    sh -c "$daemon && until redis-cli -p $three ping; do sleep 0.05; done"
left=$?
err 'still run; what they do from now on is not learned' && [ $left -eq 0 ]
verdict $? "without, that it runs on is said"
ready redis-cli -p "$three" ping && redis-cli -p "$three" shutdown nosave
show=/dev/null
try 127 "$pillion" learn -- no-such-program-here && err 'No such file'
verdict $? "a program that is not there is 127"
printf 'int main(void) { return 0; }\n' >"$tmp/p.c"
if ${CC:-cc} -static -o "$tmp/static" "$tmp/p.c" 2>/dev/null; then
    try 126 "$pillion" learn -- "$tmp/static" && err '(static)'
    verdict $? "one that cannot be covered is refused as run does"
    try 0 "$pillion" learn -o "$tmp/lost.conf" -- sh -c "$tmp/static; redis-cli -p $one ping" &&
        err "$tmp/static was started and is not covered" &&
        has "$tmp/lost.conf" "# Not covered, so that nothing is known of it: $tmp/static"
    verdict $? "a child that cannot be covered is named, and in the file too"
fi
try 0 "$pillion" learn --title t --owner 'o"o' --exact -- redis-cli -p "$one" ping &&
    out '^PONG$' && sed 1d "$tmp/out" >"$tmp/stdout.conf" &&
    has "$tmp/stdout.conf" 'policy "t" {' &&
    has "$tmp/stdout.conf" 'owner   = "o\"o"' && try 0 "$pillion" check "$tmp/stdout.conf"
verdict $? "without a file the policy goes to standard output, behind the program's own"

# ---- what is refused -----------------------------------------------------------------------------

echo 'not a policy' >"$tmp/notes.txt"
try 125 "$pillion" learn -o "$tmp/notes.txt" -- touch "$tmp/was-run" && err 'it is no policy' &&
    [ ! -e "$tmp/was-run" ] && [ "$(cat "$tmp/notes.txt")" = 'not a policy' ]
verdict $? "a file that is no policy is not touched, and nothing is run"
cp "$tmp/before" "$tmp/open.conf" && chmod 666 "$tmp/open.conf"
try 125 "$pillion" learn -o "$tmp/open.conf" -- redis-cli -p "$one" ping
verdict $? "nor is one that everybody may write"
try 0 "$pillion" learn -o "$tmp/notes.txt" --force -- redis-cli -p "$one" ping &&
    try 0 "$pillion" check "$tmp/notes.txt"
verdict $? "unless it is forced"
try 125 "$pillion" learn -o "$tmp/no/such/folder.conf" -- touch "$tmp/was-run" &&
    [ ! -e "$tmp/was-run" ]
verdict $? "a folder that is not there is found before anything runs"
for wrong in '' '--for 1s -- true' '--unit x -- true' '--unit x --wait' '--widen near -- true' \
    '--by name -- true' '--by user -- true' '--unit x --for soon' '--force -- true'; do
    # shellcheck disable=SC2086
    try 2 "$pillion" learn $wrong || break
done
verdict $? "wishes that do not go together are wrong usage"

# ---- the host's policyd --------------------------------------------------------------------------

cat >"$tmp/host.conf" <<END
schema = 1
default = allow
workload "cache-client" { exe = "$(readlink -f "$(command -v redis-cli)")" }
policy "p" { applies = {"*"} stage = shadow default = deny }
END
chmod 644 "$tmp/host.conf"
later "$policyd" -f -c "$patient" -s "$tmp/sock" -p "$tmp/host.conf" -l "$tmp/host.log" \
    --log-allows denials
ready "$pillion" status -s "$tmp/sock"
try 0 "$pillion" run -s "$tmp/sock" -- redis-cli -p "$two" ping
f=$tmp/unit.conf show=$f
later "$pillion" learn -s "$tmp/sock" -w cache-client -o "$f"
ready grep -q 'looking on' "$tmp/job.err" &&
    try 0 "$pillion" run -s "$tmp/sock" -- redis-cli -p "$one" ping &&
    try 0 "$pillion" run -s "$tmp/sock" -- curl -s "http://localhost:$one/" -o "$tmp/nothing" ||
    [ "$got" = 52 ] && kill -INT "$job" && wait "$job" &&
    has "$f" "\"127.0.0.1:$one\"," && ! has "$f" "$two" && ! has "$f" curl &&
    has "$f" 'workload "cache-client" {' && try 0 "$pillion" check "$f"
verdict $? "the host's policyd looks on at one workload while somebody learns"
group=
for root in /sys/fs/cgroup/systemd /sys/fs/cgroup; do # of systemd's own hierarchy, or the only one
    [ -n "$group" ] || [ ! -e $root/cgroup.procs ] || group=$root/pillion-learn-$$.service
done
if [ -n "$group" ] && mkdir "$group" 2>/dev/null; then
    later "$pillion" learn -s "$tmp/sock" -u "pillion-learn-$$.service" -o "$f.u"
    ready grep -q 'looking on' "$tmp/job.err" &&
        try 0 "$pillion" run -s "$tmp/sock" -- redis-cli -p "$two" ping &&
        try 0 sh -c "echo \$\$ >$group/cgroup.procs && exec \"\$@\"" sh \
            "$pillion" run -s "$tmp/sock" -- redis-cli -p "$one" ping &&
        kill -INT "$job" && wait "$job" && has "$f.u" "unit = \"pillion-learn-$$.service\"" &&
        has "$f.u" "policy \"pillion-learn-$$\" {" && has "$f.u" "\"127.0.0.1:$one\"," &&
        ! has "$f.u" "$two" && try 0 "$pillion" check "$f.u"
    verdict $? "or at one unit"
    rmdir "$group"
else
    echo "ok - a unit is looked on at # SKIP no control group can be made here"
fi
try 1 "$pillion" learn -s "$tmp/sock" -w nobody --for 1ms -o "$f.n" && [ ! -e "$f.n" ]
verdict $? "where nothing was seen nothing is written, and the status is 1"
try 3 "$pillion" learn -s "$tmp/none" -w nobody --for 1ms
verdict $? "without a policyd it is 3"

[ "$number" -ge 38 ] || echo "not ok - only $number checks ran"
