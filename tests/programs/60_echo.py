#!/usr/bin/env python3
"""Echoes one byte a connection. Writes its port, then a dot for each connection, to a file."""
import socket
import sys

listener = socket.create_server(("127.0.0.1", 0), backlog=512)
with open(sys.argv[1], "w", buffering=1) as out:
    print(listener.getsockname()[1], file=out)
    while True:
        connection, _ = listener.accept()
        with connection:
            out.write(".\n")
            connection.sendall(connection.recv(1))
