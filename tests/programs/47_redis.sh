#!/bin/sh
# redis-server, redis-cli and redis-benchmark, over TCP and a unix socket.
set -u
. "$(dirname "$0")/common"
need redis-server redis-cli redis-benchmark perl

scenario() {
    port=$(free_port)
    later $RUN redis-server --port "$port" --unixsocket "$dir/r.sock" --save '' --appendonly no \
        --dir "$dir" --io-threads 2
    ready redis-cli -p "$port" ping
    $RUN redis-cli -p "$port" set key value
    $RUN redis-cli -p "$port" get key
    $RUN redis-cli -s "$dir/r.sock" incrby counter 41
    $RUN redis-cli -h localhost -p "$port" incr counter
    seq 1 500 | sed 's/.*/RPUSH list &/' | $RUN redis-cli -p "$port" --pipe | tail -1
    $RUN redis-cli -p "$port" eval 'return redis.call("llen", "list")' 0
    $RUN redis-benchmark -p "$port" -n 4000 -c 25 -t ping,set,get -q >"$dir/bench" 2>&1
    echo "benchmark $?, $(tr '\r' '\n' <"$dir/bench" | grep -c 'requests per second') results"
    $RUN redis-benchmark -p "$port" -n 4000 -c 8 -t get --threads 2 -q >"$dir/bench" 2>&1
    echo "threaded $?"
    # A background save forks.
    $RUN redis-cli -p "$port" bgsave
    ready sh -c "redis-cli -p $port info persistence | grep -q 'rdb_bgsave_in_progress:0'"
    redis-cli -p "$port" info persistence | grep rdb_last_bgsave_status | tr -d '\r'
    $RUN redis-cli -p 1 ping
    $RUN redis-cli -p "$port" shutdown nosave
}
compare_legs
