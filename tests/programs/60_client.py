#!/usr/bin/env python3
"""Connects anew, over and over, to a port that is allowed and to one that is not, until its standard
input ends; then says how often each came to what. Each connection sends a byte and reads one."""
import collections
import errno
import socket
import sys
import threading


def outcome(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            s.sendall(b"x")
            return "served" if s.recv(1) == b"x" else "closed"
    except OSError as e:
        return errno.errorcode.get(e.errno, type(e).__name__)


def main():
    allowed, forbidden = int(sys.argv[1]), int(sys.argv[2])
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    counts = {"allowed": collections.Counter(), "forbidden": collections.Counter()}
    print("begun", flush=True)
    while not over.is_set():
        counts["allowed"][outcome(allowed)] += 1
        counts["forbidden"][outcome(forbidden)] += 1
    for kind, count in counts.items():
        print(kind, *sorted(f"{name}={number}" for name, number in count.items()))


main()
