#!/bin/sh
# postgres with psql and pgbench, in a cluster of its own that is thrown away.
set -u
. "$(dirname "$0")/common"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
need "${bin:-postgresql}/postgres" psql pgbench perl

as_owner() { # postgres refuses to run as root
    if [ "$(id -u)" = 0 ]; then setpriv --reuid postgres --regid postgres --init-groups "$@"
    else "$@"; fi
}

sql() {
    $RUN psql -h 127.0.0.1 -p "$port" -U postgres -XAtq "$@"
}

scenario() {
    port=$(free_port)
    mkdir "$dir/data" && chmod 700 "$dir/data"
    [ "$(id -u)" != 0 ] || chown postgres "$dir/data"
    as_owner "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync >"$dir/init.log" 2>&1 ||
        cat "$dir/init.log"
    later as_owner $RUN "$bin/postgres" -D "$dir/data" -k "$dir" -p "$port" \
        -c listen_addresses=127.0.0.1 -c fsync=off
    ready pg_isready -q -h 127.0.0.1 -p "$port"
    sql -c 'create table t (n int)' -c 'insert into t select generate_series(1, 1000)' \
        -c 'select sum(n), count(*) from t'
    $RUN psql -h "$dir" -p "$port" -U postgres -XAtqc 'select count(*) from t where n > 500'
    PGCONNECT_TIMEOUT=5 $RUN psql -h localhost -p "$port" -U postgres -XAtqc 'select 6 * 7'
    sql -c "set max_parallel_workers_per_gather = 2" -c "set parallel_setup_cost = 0" \
        -c "set min_parallel_table_scan_size = 0" -c 'select count(*) from t a, t b where a.n < 50'
    $RUN pgbench -h 127.0.0.1 -p "$port" -U postgres -i -q -s 1 postgres >"$dir/bench.log" 2>&1
    echo "initialised: $?"
    $RUN pgbench -h 127.0.0.1 -p "$port" -U postgres -c 4 -j 2 -t 50 -n postgres 2>&1 |
        grep 'actually processed'
    $RUN pgbench -h 127.0.0.1 -p "$port" -U postgres -c 4 -j 2 -t 10 -C -n -S postgres 2>&1 |
        grep 'actually processed'
    sql -c 'select sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts'
    sql -c 'select nonsense' 2>&1 | head -1
    $RUN psql -h 127.0.0.1 -p 1 -U postgres -c 'select 1' >/dev/null 2>&1
    echo "nobody there: $?"
}
compare_legs
