#!/bin/sh
# Rings of io_uring are refused as a kernel without them would: programs fall back.
set -u
. "$(dirname "$0")/common"
need gcc
[ -e /usr/include/liburing.h ] || {
    echo "ok - $subject # SKIP liburing-dev is not installed"
    exit 0
}
gcc -O1 -D_GNU_SOURCE -o "$tmp/uring" tests/programs/uring.c -luring || exit 1

"$BUILD/pillion" run --solo "$allow" --log "$tmp/log" -- "$tmp/uring" >"$tmp/out" 2>&1
for way in io_uring_queue_init io_uring_queue_init_params syscall; do
    if grep -qx "$way: EPERM" "$tmp/out"; then
        echo "ok - $subject: $way is refused"
    else
        echo "not ok - $subject: $way is refused"
        sed 's/^/# /' "$tmp/out"
    fi
done
whole_log "$tmp/log"
if [ "$(grep -c '"event":"io-uring-refused"' "$tmp/log")" = 3 ]; then
    echo "ok - $subject: each refusal is in the log"
else
    echo "not ok - $subject: each refusal is in the log"
    sed 's/^/# /' "$tmp/log"
fi

# libuv asks by syscall() when it is told to, and does without when it may not.
command -v node >/dev/null || { echo "ok - $subject: node # SKIP node is not installed"; exit 0; }
subject="$subject: node"
cat >"$tmp/read.js" <<'END'
const fs = require('fs');
fs.promises.readFile(process.argv[2]).then(text => console.log(text.length));
END
scenario() {
    UV_USE_IO_URING=1 $RUN node "$tmp/read.js" "$tmp/read.js"
}
compare_legs
