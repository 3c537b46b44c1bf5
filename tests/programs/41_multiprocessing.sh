#!/bin/sh
# also: 42
# python3: multiprocessing by fork in a program whose threads connect all the time, pools, queues,
# managers over sockets, spawn and forkserver; and subprocess, which runs hooks in a vfork child.
set -u
. "$(dirname "$0")/common"
need python3

scenario() {
    cp tests/programs/processes.py "$dir/processes.py"
    # shellcheck disable=SC2086
    timeout 120 $RUN python3 "$dir/processes.py"
}
compare_legs
