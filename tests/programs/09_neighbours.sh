#!/bin/sh
# also: 12
# Other preloaded libraries in front of ours and behind it: allocators that make calls while they
# start, and those that replace calls themselves. redis serves, a client connects, nothing differs.
set -u
. "$(dirname "$0")/common"
need redis-server redis-cli socat perl

lib=/usr/lib/$(uname -m)-linux-gnu
jemalloc=$lib/libjemalloc.so.2
tcmalloc=$lib/libtcmalloc_minimal.so.4
mimalloc=$lib/libmimalloc.so.2.0
faketime=$lib/faketime/libfaketimeMT.so.1
fakeroot=$lib/libfakeroot/libfakeroot-sysv.so

# with ORDER LIBRARY COMMAND...: with that library, which stands first or last; without Pillion
# there is only the library. `pillion run` puts ours behind what is there already.
with() {
    order=$1 library=$2
    shift 2
    if [ -z "$RUN" ]; then
        LD_PRELOAD=$library "$@"
    elif [ "$order" = first ]; then
        LD_PRELOAD=$library $RUN "$@"
    else
        $RUN env LD_PRELOAD="$BUILD/libpillion.so:$library" "$@"
    fi
}

serve() { # ORDER LIBRARY
    port=$(free_port)
    later with "$1" "$2" redis-server --port "$port" --save '' --appendonly no --dir "$dir" \
        --io-threads 2
    ready redis-cli -p "$port" ping
    with "$1" "$2" redis-cli -p "$port" set key value
    with "$1" "$2" redis-cli -h localhost -p "$port" get key
    with "$1" "$2" redis-benchmark -p "$port" -n 500 -c 10 -t set -q >/dev/null 2>&1
    echo "benchmark $?"
    # A background save forks.
    with "$1" "$2" redis-cli -p "$port" bgsave
    ready sh -c "redis-cli -p $port info persistence | grep -q 'rdb_bgsave_in_progress:0'"
    redis-cli -p "$port" info persistence | grep rdb_last_bgsave_status | tr -d '\r'
    with "$1" "$2" redis-cli -p 1 ping
    with "$1" "$2" redis-cli -p "$port" shutdown nosave
    # What is started: a shell, a pipe, a child without an environment.
    with "$1" "$2" sh -c 'echo started | cat; env -i sh -c "echo and more"'
}

# Both are there: mapped into one process.
mapped() { # ORDER LIBRARY
    with "$1" "$2" cat /proc/self/maps | grep -o "$(basename "$2" | cut -d. -f1)" | sort -u
}

# The time that libfaketime gives is not the time that Pillion's deadlines run by.
in_false_time() {
    FAKETIME='2001-02-03 04:05:06' with "$1" "$faketime" date +%Y
    FAKETIME='2001-02-03 04:05:06 x1000' with "$1" "$faketime" perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1") or die $!;
        for (1 .. 20) { IO::Socket::INET->new("127.0.0.1:" . $s->sockport) or die $! }
        print "twenty connections in false time\n"'
    # Not redis-cli: with this one in front its own allocator waits for itself, Pillion or not.
    FAKETIME='-10d' with "$1" "$faketime" timeout 20 socat -u /dev/null TCP:127.0.0.1:1 2>/dev/null
    echo "nobody there: $?"
}

# fakeroot's daemon is told of files through a message queue; the program believes that it is root.
pretends() {
    if [ -z "$RUN" ]; then
        setpriv --reuid nobody --regid nogroup --clear-groups fakeroot "$@"
    elif [ "$order" = first ]; then
        setpriv --reuid nobody --regid nogroup --clear-groups fakeroot $RUN "$@"
    else
        setpriv --reuid nobody --regid nogroup --clear-groups $RUN fakeroot "$@"
    fi
}
root_by_name() {
    order=$1
    pretends sh -c 'id -u; touch "$1" && chown 12:34 "$1" && stat -c "%u %g" "$1"' sh "$dir/$1"
    pretends perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1") or die $!;
        IO::Socket::INET->new("127.0.0.1:" . $s->sockport) or die $!;
        print "connected as $>\n"'
}

both() { # NAME LIBRARY COMMAND...
    name=$1 library=$2
    shift 2
    if [ ! -e "$library" ]; then
        echo "ok - $subject: $name # SKIP $library is not installed"
        return
    fi
    for order in first last; do
        subject="$name, $order"
        eval "scenario() { mapped $order $library; $* $order $library; }"
        compare_legs
        rm -rf "$tmp/native" "$tmp/pillion"
    done
}
both jemalloc "$jemalloc" serve
both tcmalloc "$tcmalloc" serve
both mimalloc "$mimalloc" serve
both faketime "$faketime" in_false_time
if [ "$(id -u)" = 0 ] && command -v fakeroot >/dev/null; then
    both fakeroot "$fakeroot" root_by_name
else
    echo "ok - $subject: fakeroot # SKIP needs root, and fakeroot"
fi
