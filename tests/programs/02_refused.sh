#!/bin/sh
# also: 03
# Programs that a preload does not reach are not started: each is told from the others before exec,
# with its own reason and a remedy, and neither runs nor sends anything.
set -u
. "$(dirname "$0")/common"
need cc perl

# What each of them would do: leave a trace, and connect to a listener.
cat >"$tmp/p.c" <<'END_OF_C'
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1]))};

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    close(open(argv[1], O_CREAT | O_WRONLY, 0644));
    return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&in, sizeof(in)) ? 1 : 0;
}
END_OF_C
cat >"$tmp/main.go" <<'END_OF_GO'
package main

import (
    "net"
    "os"
)

func main() {
    os.WriteFile(os.Args[1], nil, 0644)
    if _, err := net.Dial("tcp", "127.0.0.1:"+os.Args[2]); err != nil {
        os.Exit(1)
    }
}
END_OF_GO

# A listener that counts: the number of its connections so far, for every line it reads.
mkfifo "$tmp/ask" "$tmp/tell"
perl -MIO::Socket::INET -e '
    $| = 1;
    my $s = IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1") or die $!;
    print $s->sockport, "\n";
    $s->blocking(0);
    my $n = 0;
    while (<STDIN>) { $n++ while $s->accept; print "$n\n" }' <"$tmp/ask" >"$tmp/tell" 2>/dev/null &
jobs_of_leg=$!
exec 8>"$tmp/ask" 9<"$tmp/tell"
read -r port <&9
connections() {
    echo >&8
    read -r answer <&9
    echo "$answer"
}

refused() { # TEXT REASON PROGRAM [COMMAND...]
    text=$1 reason=$2 program=$3
    shift 3
    before=$(connections)
    "$@" "$BUILD/pillion" run --solo "$allow" -- "$program" "$tmp/ran" "$port" \
        >"$tmp/out" 2>&1 </dev/null 8>&- 9>&-
    code=$?
    if [ $code = 126 ] && grep -q "($reason)" "$tmp/out" && grep -q 'remedy: ' "$tmp/out" &&
        [ ! -e "$tmp/ran" ] && [ "$(connections)" = "$before" ]; then
        echo "ok - $text: $reason"
    else
        echo "not ok - $text: $reason"
        { echo "status $code, $before connections before"; cat "$tmp/out"; } | sed 's/^/# /'
    fi
    rm -f "$tmp/ran"
}

# They work: without Pillion the plain one runs and arrives.
cc -o "$tmp/plain" "$tmp/p.c" && "$tmp/plain" "$tmp/ran" "$port" && [ -e "$tmp/ran" ] &&
    [ "$(connections)" = 1 ] && echo "ok - without Pillion it runs and connects" ||
    echo "not ok - without Pillion it runs and connects"
rm -f "$tmp/ran"

cc -static -o "$tmp/static" "$tmp/p.c" && refused "a static program" static "$tmp/static"
cc -static-pie -o "$tmp/static-pie" "$tmp/p.c" &&
    refused "a static position-independent program" static "$tmp/static-pie"
if command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then
    refused "busybox-static" static "$(command -v busybox)"
fi

# go by its own compiler where there is one; else by what its linker leaves in every program.
if command -v go >/dev/null && env HOME="$tmp" GOCACHE="$tmp/cache" GOFLAGS=-mod=mod CGO_ENABLED=1 \
    GOPROXY=off go build -o "$tmp/go" "$tmp/main.go" >"$tmp/go.log" 2>&1; then
    "$tmp/go" "$tmp/ran" "$port" && [ "$(connections)" = 2 ] ||
        echo "not ok - without Pillion the Go program connects"
    rm -f "$tmp/ran"
    ldd "$tmp/go" >/dev/null 2>&1 || echo "not ok - the Go program is dynamically linked"
    refused "a dynamically linked Go program" raw-calls "$tmp/go"
    CGO_ENABLED=0 HOME="$tmp" GOCACHE="$tmp/cache" go build -o "$tmp/go-static" "$tmp/main.go" \
        2>>"$tmp/go.log" && refused "a static Go program" static "$tmp/go-static"
else
    cat >"$tmp/note.s" <<'END_OF_S'
    .section .note.go.buildid, "a", @note
    .long 4, 8, 4
    .ascii "Go\0\0"
    .ascii "build-id"
    .section .note.GNU-stack, "", @progbits
END_OF_S
    cc -o "$tmp/go" "$tmp/p.c" "$tmp/note.s" &&
        refused "a program with a Go program's note" raw-calls "$tmp/go"
    echo "ok - a program of the Go compiler # SKIP go is not installed"
fi

if command -v musl-gcc >/dev/null && musl-gcc -o "$tmp/musl" "$tmp/p.c"; then
    refused "a program for musl" libc "$tmp/musl"
else
    cc -o "$tmp/musl" -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 "$tmp/p.c" &&
        refused "a program that asks for musl's loader" libc "$tmp/musl"
fi

if [ "$(id -u)" != 0 ]; then
    echo "ok - setuid and capabilities # SKIP needs root to make such files"
    exit 0
fi
cp "$tmp/plain" "$tmp/setuid" && chown nobody "$tmp/setuid" && chmod 4755 "$tmp/setuid"
refused "a setuid program" setuid "$tmp/setuid"
cp "$tmp/plain" "$tmp/setgid" && chgrp nogroup "$tmp/setgid" && chmod 2755 "$tmp/setgid"
refused "a setgid program" setuid "$tmp/setgid"
if command -v setcap >/dev/null && cp "$tmp/plain" "$tmp/caps" &&
    setcap cap_net_raw+ep "$tmp/caps" 2>"$tmp/out"; then
    # Capabilities of a file are nothing that root would gain.
    refused "a program with capabilities" capabilities "$tmp/caps" \
        setpriv --reuid nobody --regid nogroup --clear-groups
else
    echo "ok - a program with capabilities # SKIP setcap does not work here: $(head -1 "$tmp/out")"
fi
