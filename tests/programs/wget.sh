#!/bin/sh
# wget: addresses, names, redirects, failures.
set -u
. "$(dirname "$0")/common"
need wget python3 perl

scenario() {
    port=$(free_port)
    later python3 tests/programs/web.py "$port"
    ready wget -qO- "http://127.0.0.1:$port/"
    $RUN wget -qO- "http://127.0.0.1:$port/a" "http://127.0.0.1:$port/b"
    $RUN wget -qO- "http://localhost:$port/name"
    $RUN wget -qO- "http://127.0.0.1:$port/moved"
    $RUN wget -qO- "http://127.0.0.1:$port/big" | wc -c
    $RUN wget -qO- --post-data=some=data "http://127.0.0.1:$port/"
    $RUN wget -qO- "http://127.0.0.1:$port/missing"
    echo "missing: $?"
    $RUN wget -qO- --tries=1 "http://127.0.0.1:1/"
    echo "refused: $?"
    $RUN wget -qO- --tries=1 "http://nobody.invalid/"
    echo "no such name: $?"
}
compare_legs
