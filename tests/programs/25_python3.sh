#!/bin/sh
# also: 42 41
# python3: asyncio, threads, processes, datagrams, unix sockets, a child without environment.
set -u
. "$(dirname "$0")/common"
need python3 perl

scenario() {
    $RUN python3 tests/programs/network.py
}
compare_legs
