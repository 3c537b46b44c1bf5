#!/bin/sh
# redis-server and its clients.
set -u
. "$(dirname "$0")/common"
need redis-server redis-cli redis-benchmark perl python3

scenario() {
    later $RUN redis-server --port "$(port)" --save '' --appendonly no --dir "$dir" --io-threads 2
    ready $RUN redis-cli -p "$(port)" ping
    $RUN redis-cli -p "$(port)" set key "$marker"
    $RUN redis-cli -p "$(port)" get key
    $RUN redis-cli -h localhost -p "$(port)" incr counter
    seq 1 500 | sed "s/.*/RPUSH list $marker-&/" | $RUN redis-cli -p "$(port)" --pipe | tail -1
    $RUN redis-cli -p "$(port)" lrange list 0 -1 | cksum
    $RUN redis-cli -p "$(port)" eval "return string.rep('$marker', 100000)" 0 | cksum
    $RUN redis-benchmark -p "$(port)" -n 1000 -c 25 -t ping,set,get -q >"$dir/bench" 2>&1
    echo "benchmark $?, $(tr '\r' '\n' <"$dir/bench" | grep -c 'requests per second') results"
    $RUN redis-benchmark -p "$(port)" -n 1000 -c 8 -t get --threads 2 -q >"$dir/bench" 2>&1
    echo "threaded $?"
    $RUN redis-benchmark -p "$(port)" -n 200 -c 8 -k 0 -t get -q >"$dir/bench" 2>&1
    echo "a connection each $?"
    $RUN redis-cli -p "$(port)" bgsave
    ready sh -c "$RUN redis-cli -p $(port) info persistence | grep -q 'rdb_bgsave_in_progress:0'"
    $RUN redis-cli -p "$(port)" info persistence | grep rdb_last_bgsave_status | tr -d '\r'
    $RUN redis-cli -p "$(port)" shutdown nosave
}
compare_secured
