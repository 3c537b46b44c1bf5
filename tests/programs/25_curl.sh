#!/bin/sh
# also: 18
# curl: its threaded resolver, several connections at once, redirects to a name, failures.
set -u
. "$(dirname "$0")/common"
need curl python3 perl

scenario() {
    port=$(free_port)
    later python3 tests/programs/web.py "$port"
    ready curl -sf "http://127.0.0.1:$port/"
    $RUN curl -s "http://127.0.0.1:$port/a" "http://127.0.0.1:$port/b"
    $RUN curl -s "http://localhost:$port/name"
    $RUN curl -sL "http://127.0.0.1:$port/moved"
    $RUN curl -s "http://127.0.0.1:$port/big" | wc -c
    $RUN curl -s -d some=data "http://127.0.0.1:$port/"
    $RUN curl -s -Z --parallel-max 10 "http://127.0.0.1:$port/[1-30]" 2>/dev/null | sort
    $RUN curl -sf "http://127.0.0.1:$port/missing"
    echo "missing: $?"
    $RUN curl -s "http://127.0.0.1:1/"
    echo "refused: $?"
    $RUN curl -s --resolve "else.example:$port:127.0.0.1" "http://else.example:$port/by-option"
    $RUN curl -s "http://nobody.invalid/"
    echo "no such name: $?"
}
compare_legs
