#!/bin/sh
# policyd is killed, upgraded and restarted while redis-benchmark and wrk load a redis and an nginx
# under Pillion. No verdict is cached (verdict_ttl 0), so every connection is decided by a policyd.
#
# What must hold in each way of restarting: connections that stand are not lost; new ones wait for
# the next policyd and none fails; what is forbidden is never let through. The deadline is long, so
# that a busy machine cannot make it fail: what happens at its end is item 05.
set -u
. "$(dirname "$0")/common"
need redis-server redis-cli redis-benchmark nginx wrk python3 perl

RESTARTS=5

status_pid() {
    "$BUILD/pillion" status --json -s "$dir/p.sock" 2>/dev/null |
        sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p' | head -1
}

# Neither gone nor a zombie, and with something to show.
alive() {
    tr '\r' '\n' <"$2" | tail -2
    case $(ps -o stat= -p "$1") in
    Z* | '') return 1 ;;
    esac
    grep -q 'rps=[1-9]' "$2"
}

# Until another policyd than that one answers.
another_than() {
    now=$(status_pid)
    [ -n "$now" ] && [ "$now" != "$1" ]
}

settings() {
    cat >"$dir/policy.conf" <<EOT
schema = 1
default = allow
policy "p" { applies = {"*"} rule "no" { effect = deny actions = {connect}
    resources = {"127.0.0.1:$forbidden"} } }
EOT
    cat >"$dir/policyd.conf" <<EOT
socket = "$dir/p.sock"
abstract = ""
policy = {"$dir/policy.conf"}
log = "$dir/decisions.log"
log_allows = denials
pidfile = "$dir/policyd.pid"
verdict_ttl = 0s
deadline = 30s
watch = no
EOT
    chmod 600 "$dir/policy.conf" "$dir/policyd.conf"
}

start_policyd() {
    "$BUILD/policyd" -c "$dir/policyd.conf" "$@" 2>>"$dir/policyd.err" 7>&-
}

# ---- the load ---------------------------------------------------------------------------------

start_load() {
    redis=$(free_port)
    web=$(free_port)
    mkdir "$dir/www" "$dir/tmp"
    echo hello >"$dir/www/index.html"
    cat >"$dir/nginx.conf" <<EOT
daemon off; worker_processes 2; pid $dir/nginx.pid; error_log $dir/nginx.err;
events {}
http { access_log off; client_body_temp_path $dir/tmp; proxy_temp_path $dir/tmp;
    fastcgi_temp_path $dir/tmp; uwsgi_temp_path $dir/tmp; scgi_temp_path $dir/tmp;
    server { listen 127.0.0.1:$web; root $dir/www; } }
EOT
    later $RUN redis-server --port "$redis" --save '' --appendonly no --dir "$dir"
    later $RUN nginx -e "$dir/nginx.err" -c "$dir/nginx.conf"
    later $RUN python3 tests/programs/60_echo.py "$dir/allowed"
    ready redis-cli -p "$redis" ping
    ready curl -sf "http://127.0.0.1:$web/"
    ready test -s "$dir/allowed"

    # Each ends by itself at the first connection that it loses.
    $RUN redis-benchmark -p "$redis" -l -c 20 -t get -q >"$dir/kept.out" 2>&1 </dev/null &
    kept=$!
    $RUN redis-benchmark -p "$redis" -l -c 5 -k 0 -t get -q >"$dir/fresh.out" 2>&1 </dev/null &
    fresh=$!
    $RUN wrk -t 2 -c 10 -d 600 --timeout 60 -H 'Connection: close' "http://127.0.0.1:$web/" \
        >"$dir/wrk.out" 2>&1 </dev/null &
    wrk=$!
    $RUN wrk -t 1 -c 10 -d 600 --timeout 60 "http://127.0.0.1:$web/" \
        >"$dir/wrk_kept.out" 2>&1 </dev/null &
    wrk_kept=$!
    mkfifo "$dir/until"
    $RUN python3 tests/programs/60_client.py "$(head -1 "$dir/allowed")" "$forbidden" \
        >"$dir/client.out" 2>&1 <"$dir/until" &
    client=$!
    exec 7>"$dir/until"
    jobs_of_leg="$jobs_of_leg $kept $fresh $wrk $wrk_kept $client"
    ready grep -q begun "$dir/client.out"
}

stop_load() {
    exec 7>&-
    wait "$client"
    ok "$way: connections that stood were kept" alive "$kept" "$dir/kept.out"
    ok "$way: of redis-benchmark's new connections none failed" alive "$fresh" "$dir/fresh.out"
    ready ended "$wrk" && wait "$wrk"
    ready ended "$wrk_kept" && wait "$wrk_kept"
    ok "$way: wrk lost none" lost_none "$dir/wrk.out"
    ok "$way: wrk lost none of those that stood" lost_none "$dir/wrk_kept.out"
    ok "$way: a new connection is served, each time" \
        grep -qx 'allowed served=[1-9][0-9]*' "$dir/client.out"
    ok "$way: no decision failed" sh -c "! grep '\"tier\":\"fail\"\|no-policy' '$dir/decisions.log'"
    ok "$way: what is forbidden is refused, each time" \
        grep -qx 'forbidden EACCES=[1-9][0-9]*' "$dir/client.out"
    ok "$way: nobody came to the forbidden one" [ "$(wc -l <"$tmp/forbidden")" -eq 1 ]
    cat "$dir/client.out" | sed 's/^/# /'
}

# wrk sums up when its first thread is interrupted; the kernel may choose another one.
ended() {
    case $(ps -o stat= -p "$1") in
    Z* | '') return 0 ;;
    esac
    kill -INT "$1"
    return 1
}

lost_none() {
    cat "$1"
    grep -q 'requests in' "$1" && ! grep -q 'Socket errors\|Non-2xx' "$1"
}

# ---- ways of restarting -----------------------------------------------------------------------

# Each policyd has served before it goes: the client's turns are counted by the allowed server.
served_since() {
    [ "$(wc -l <"$dir/allowed")" -gt $(($1 + 20)) ]
}

repeat() {
    i=0
    while [ $i -lt $RESTARTS ]; do
        i=$((i + 1))
        before=$(status_pid)
        ready served_since "$(wc -l <"$dir/allowed")" || return 1
        "$@" || return 1
        ready another_than "$before" || return 1
    done
    ready served_since "$(wc -l <"$dir/allowed")"
}

crash() {
    kill -9 "$before"
}

upgrade() {
    install -m 755 "$BUILD/policyd" "$BUILD/policyd.new"
    mv "$BUILD/policyd.new" "$BUILD/policyd"
    kill -USR2 "$(cat "$dir/policyd.pid")"
}

is_the_new_one() {
    [ "$(stat -L -c %i "/proc/$(status_pid)/exe")" = "$(stat -c %i "$BUILD/policyd")" ]
}

stop_and_start() {
    kill "$before"
    ready sh -c "! kill -0 $before" && start_policyd
}

library_replaced() {
    before=$(grep -h libpillion /proc/"$1"/maps | sed 's|libpillion.so$|& (deleted)|')
    install -m 644 "$BUILD/libpillion.so" "$BUILD/libpillion.so.new"
    mv "$BUILD/libpillion.so.new" "$BUILD/libpillion.so"
    ready served_since "$(wc -l <"$dir/allowed")" || return 1
    [ "$(grep -h libpillion /proc/"$1"/maps)" = "$before" ]
}

stop_policyd() {
    [ ! -f "$dir/policyd.pid" ] || kill "$(cat "$dir/policyd.pid")" 2>/dev/null
}

way() {
    way=$1
    dir=$tmp/$2 show=$tmp/$2/policyd.err
    mkdir "$dir" && chmod 755 "$dir"
    RUN="$BUILD/pillion run -s $dir/p.sock --"
    settings
    shift 2
    ok "$way: policyd starts" start_policyd "$@"
    start_load
}

end_way() {
    stop_load
    stop_policyd
    end_leg
    ok "$way: policyd takes its socket away" ready sh -c "! test -e '$dir/p.sock'"
}

dir=$tmp
python3 tests/programs/60_echo.py "$tmp/forbidden" &
forbidding=$!
finish() {
    end_leg
    kill "$forbidding"
    stop_policyd
    rm -rf "$tmp"
}
trap finish EXIT
ready test -s "$tmp/forbidden"
forbidden=$(head -1 "$tmp/forbidden")

way "killed under a keeper" crash --keep
ok "$way: it is started again" repeat crash
ok "$way: and its log says after what" grep -q '"event":"start".*"after":"killed by signal 9"' \
    "$dir/decisions.log"
end_way

way "upgraded under a keeper" upgrade --keep
ok "$way: it is upgraded" repeat upgrade
ok "$way: the new program runs" is_the_new_one
keeper=$(cat "$dir/policyd.pid")
echo 'nonsense' >"$dir/policy.conf"
kill -USR2 "$keeper"
ok "$way: with a policy that is not good it is not" \
    ready grep -q 'nothing is upgraded' "$dir/policyd.err"
end_way

way "stopped and started" plain
ok "$way: it is restarted" repeat stop_and_start
ok "$way: a new library changes no running program" library_replaced "$kept"
end_way
echo "1..$number"
