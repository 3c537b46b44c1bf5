"""What is measured. Each measure runs one client against a place (ways.Place) and gives a number."""
import os
import re
import subprocess

SECONDS = float(os.environ.get("PEERS_SECONDS", "2"))


class Measure:
    """fresh: no session of before may be resumed; such measures have a place of their own."""

    def __init__(self, name, what, unit, more_is_better, run, fresh=False):
        self.name, self.what, self.unit = name, what, unit
        self.more_is_better, self.run, self.fresh = more_is_better, run, fresh


def output(place, *command):
    """What the command prints, started as the way wants its clients to be started."""
    return subprocess.run(place.client + list(command), check=True, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=place.env).stdout


def redis(place, column, *arguments):
    """A column of redis-benchmark's table for GET."""
    text = output(place, "redis-benchmark", "-h", "127.0.0.1", "-p", str(place.redis), "-t", "get",
                  "--csv", *arguments)
    head, row = [[cell.strip('"') for cell in line.split(",")]
                 for line in text.strip().splitlines() if line.startswith('"')][-2:]
    return float(row[head.index(column)])


def wrk(place, path, connections):
    text = output(place, "wrk", "-t", "1", "-c", str(connections), "-d", f"{SECONDS:g}s",
                  f"http://127.0.0.1:{place.http}{path}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", text).group(1))


def bulk(place):
    """Megabytes a second of one large file, by curl."""
    certificates = []
    if place.scheme == "https":
        certificates = [word for option in ("cert", "key", "cacert") for word in (
            f"--{option}", os.path.join(place.folder, {"cert": "client.crt", "key": "client.key",
                                                       "cacert": "ca.pem"}[option]))]
    text = output(place, "curl", "-s", "-o", "/dev/null", "-w", "%{speed_download}", *certificates,
                  f"{place.scheme}://127.0.0.1:{place.http}/large")
    return float(text) / 1e6


def connections(place):
    return redis(place, "rps", "-c", "8", "-n", "1500", "-k", "0")


ALL = [
    Measure("redis-1", "redis GET, one connection, p50", "ms", False,
            lambda place: redis(place, "p50_latency_ms", "-c", "1", "-n", "10000")),
    Measure("redis-32", "redis GET, 32 connections", "requests/s", True,
            lambda place: redis(place, "rps", "-c", "32", "-n", "60000")),
    Measure("nginx-1k", "nginx 1 KiB, keep-alive", "requests/s", True,
            lambda place: wrk(place, "/small", 16)),
    Measure("connect", "redis GET, a connection each, resumed", "requests/s", True, connections),
    Measure("full", "redis GET, a connection each, in full", "requests/s", True, connections, True),
    Measure("bulk", "nginx, one stream of 256 MiB", "MB/s", True, bulk),
]
