#!/usr/bin/env python3
"""Writes what crosses an interface from or to some ports to a file, until it is ended.

capture.py FILE INTERFACE PORT...   says "ready" on standard output when it listens. Needs CAP_NET_RAW.
The payload of each TCP segment is written as it was on the wire, one after the other."""
import signal
import socket
import struct
import sys

file, interface = sys.argv[1:3]
ports = {int(port) for port in sys.argv[3:]}
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(3))
tap.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
tap.bind((interface, 0))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def tcp_of(packet, protocol):
    """The TCP segment in a packet, or None."""
    if protocol == 0x0800 and len(packet) >= 20 and packet[9] == 6:
        length = struct.unpack("!H", packet[2:4])[0]
        return packet[(packet[0] & 15) * 4 : length or len(packet)]
    if protocol == 0x86DD and len(packet) >= 40 and packet[6] == 6:
        return packet[40:]
    return None


with open(file, "wb", buffering=0) as out:
    print("ready", flush=True)
    while True:
        packet, (_, protocol, kind, *_) = tap.recvfrom(1 << 17)
        if interface == "lo" and kind != socket.PACKET_OUTGOING:  # it comes in again
            continue
        segment = tcp_of(packet, protocol)
        if not segment or not ports & set(struct.unpack("!HH", segment[:4])):
            continue
        out.write(segment[(segment[12] >> 4) * 4 :])
