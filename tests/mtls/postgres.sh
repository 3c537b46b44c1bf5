#!/bin/sh
# postgres as its own user, with psql and pgbench.
set -u
. "$(dirname "$0")/common"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
need "${bin:-postgresql}/postgres" psql pgbench perl python3
users="$users postgres"

as_owner() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
sql() { $RUN psql -h 127.0.0.1 -p "$(port)" -U postgres -XAtq "$@"; }

scenario() {
    mkdir "$dir/data" && chmod 700 "$dir/data" && chown postgres "$dir/data"
    as_owner "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync >"$dir/init.log" 2>&1 ||
        cat "$dir/init.log"
    later as_owner $RUN "$bin/postgres" -D "$dir/data" -k "$dir" -p "$(port)" \
        -c listen_addresses=127.0.0.1 -c fsync=off
    ready pg_isready -q -h "$dir" -p "$(port)"
    sql -c 'create table t (n int)' -c 'insert into t select generate_series(1, 1000)' \
        -c 'select sum(n), count(*) from t' -c "select '$marker'"
    sql -c "select repeat('$marker', 200000)" | cksum
    seq 1 20000 | sql -c 'copy t from stdin' -c 'select sum(n) from t'
    $RUN pgbench -h 127.0.0.1 -p "$(port)" -U postgres -i -q -s 1 postgres >"$dir/bench.log" 2>&1
    echo "initialised: $?"
    $RUN pgbench -h 127.0.0.1 -p "$(port)" -U postgres -c 4 -j 2 -t 50 -n postgres 2>&1 |
        grep 'actually processed'
    $RUN pgbench -h 127.0.0.1 -p "$(port)" -U postgres -c 4 -j 2 -t 10 -C -n -S postgres 2>&1 |
        grep 'actually processed'
    sql -c 'select sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts'
    sql -c 'select pg_terminate_backend(pg_backend_pid())' 2>&1 | head -1
    PGCONNECT_TIMEOUT=5 $RUN psql -h localhost -p "$(port)" -U postgres -XAtqc 'select 6 * 7'
}
compare_secured
