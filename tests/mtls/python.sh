#!/bin/sh
# python: servers and clients of asyncio, of selectors and of threads, each with each.
set -u
. "$(dirname "$0")/common"
need python3 perl

scenario() {
    number_of_kind=1
    for kind in asyncio selectors threads; do
        later $RUN python3 tests/mtls/talk.py serve "$kind" "$(port $number_of_kind)"
        number_of_kind=$((number_of_kind + 1))
    done
    number_of_kind=1
    for kind in asyncio selectors threads; do
        ready $RUN python3 tests/mtls/talk.py ask threads "$(port $number_of_kind)" "$marker" 1
        for client in asyncio selectors threads; do
            echo "$client asks $kind:"
            $RUN python3 tests/mtls/talk.py ask "$client" "$(port $number_of_kind)" "$marker" 40
        done
        number_of_kind=$((number_of_kind + 1))
    done
}
compare_secured
