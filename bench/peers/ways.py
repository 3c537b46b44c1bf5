"""The ways between a client and a server: directly, by a pair of sidecars, under Pillion.

A way starts redis and nginx, and whatever stands between them and their clients, and gives the
ports that clients are to use. Sidecars speak TLS 1.3 with certificates at both ends. With fresh, no
session of before is resumed.
"""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Place:
    """Where clients go: ports, what their command begins with, and their environment."""

    def __init__(self, folder):
        self.folder, self.client, self.jobs = folder, [], []
        self.env = dict(os.environ, PATH=PATH, LC_ALL="C")
        self.ports = free_ports(12)
        self.plain_redis, self.plain_http = self.ports[0:2]
        self.redis, self.http = self.plain_redis, self.plain_http
        self.scheme = "http"
        self.check = lambda: None  # raises when what was measured is not what was meant

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, 0o600)
        return path

    def start(self, *command, prefix=()):
        log = open(os.path.join(self.folder, f"job{len(self.jobs)}.log"), "w")
        self.jobs.append(subprocess.Popen(list(prefix) + list(command), stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL, env=self.env))

    def wait_for(self, port):
        end = time.monotonic() + 15
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError(f"nobody listens on port {port}; see {self.folder}")

    def end(self):
        for job in reversed(self.jobs):
            job.terminate()
        for job in self.jobs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                job.wait(10)
            job.kill()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def servers(place, prefix=()):
    """redis and nginx themselves."""
    www = os.path.join(place.folder, "www")
    os.makedirs(www)
    with open(os.path.join(www, "small"), "wb") as out:
        out.write(b"x" * 1024)
    with open(os.path.join(www, "large"), "wb") as out:
        out.truncate(256 << 20)
    place.start("redis-server", "--port", str(place.plain_redis), "--save", "", "--appendonly",
                "no", "--dir", place.folder, "--tcp-backlog", "511", prefix=prefix)
    place.start("nginx", "-c", nginx_http(place, www, f"listen 127.0.0.1:{place.plain_http};"),
                prefix=prefix)


NGINX_HEAD = """daemon off;
user root;
pid {folder}/{name}.pid;
error_log {folder}/{name}.err;
worker_processes 1;
events {{ worker_connections 4096; }}
"""


def nginx_http(place, www, listen, name="http"):
    return place.write(f"{name}.conf", NGINX_HEAD.format(folder=place.folder, name=name) + f"""
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
    server {{ {listen} root {www}; }}
}}
""")


def certificates(folder):
    """A root, and one certificate for each end, of P-256."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=root",
            "-days", "2")
    for end in ("server", "client"):
        openssl("req", *key, "-keyout", f"{end}.key", "-out", f"{end}.csr", "-subj", f"/CN={end}",
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl("x509", "-req", "-in", f"{end}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-copy_extensions", "copyall", "-days", "2", "-out", f"{end}.crt")
        with open(os.path.join(folder, f"{end}.pem"), "w") as out:
            for part in (f"{end}.crt", f"{end}.key"):
                with open(os.path.join(folder, part)) as text:
                    out.write(text.read())


def pairs(place):
    """(what is listened on by the client's sidecar, between them, the server) for each service."""
    place.redis, place.http = place.ports[2:4]
    return [("redis", place.redis, place.ports[4], place.plain_redis),
            ("http", place.http, place.ports[5], place.plain_http)]


def direct(place, _fresh):
    servers(place)


def haproxy(place, fresh):
    servers(place)
    certificates(place.folder)
    text = """global
    maxconn 8192
    nbthread 1
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-server-options ssl-min-ver TLSv1.3
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
"""
    side = {"server": text, "client": text}
    for name, outer, between, inner in pairs(place):
        side["server"] += f"""listen {name}
    bind 127.0.0.1:{between} ssl crt {place.folder}/server.pem ca-file {place.folder}/ca.pem verify required curves P-256
    server s 127.0.0.1:{inner}
"""
        side["client"] += f"""listen {name}
    bind 127.0.0.1:{outer}
    server s 127.0.0.1:{between} ssl crt {place.folder}/client.pem ca-file {place.folder}/ca.pem verify required{" no-ssl-reuse" if fresh else ""}
"""
    for end in ("server", "client"):
        place.start("haproxy", "-db", "-f", place.write(f"haproxy-{end}.cfg", side[end]))


def nginx(place, fresh):
    servers(place)
    certificates(place.folder)
    for end in ("server", "client"):
        text = ("load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n" +
                NGINX_HEAD.format(folder=place.folder, name=f"stream-{end}") + "stream {\n")
        for name, outer, between, inner in pairs(place):
            f = place.folder
            if end == "server":
                text += f"""server {{ listen 127.0.0.1:{between} ssl; ssl_protocols TLSv1.3;
    ssl_certificate {f}/server.crt; ssl_certificate_key {f}/server.key; ssl_ecdh_curve P-256;
    ssl_client_certificate {f}/ca.pem; ssl_verify_client on; ssl_session_cache shared:{name}:4m;
    proxy_pass 127.0.0.1:{inner}; }}
"""
            else:
                text += f"""server {{ listen 127.0.0.1:{outer}; proxy_pass 127.0.0.1:{between};
    proxy_ssl on; proxy_ssl_protocols TLSv1.3; proxy_ssl_certificate {f}/client.crt;
    proxy_ssl_certificate_key {f}/client.key; proxy_ssl_trusted_certificate {f}/ca.pem;
    proxy_ssl_verify on; proxy_ssl_name localhost;
    proxy_ssl_session_reuse {"off" if fresh else "on"}; }}
"""
        place.start("nginx", "-c", place.write(f"stream-{end}.conf", text + "}\n"))


def stunnel(place, fresh):
    servers(place)
    certificates(place.folder)
    for end in ("server", "client"):
        text = f"""foreground = yes
pid =
syslog = no
debug = 4
cert = {place.folder}/{end}.pem
CAfile = {place.folder}/ca.pem
verifyChain = yes
sslVersionMin = TLSv1.3
curves = P-256
{"sessionResume = no" if fresh else ""}
client = {"yes" if end == "client" else "no"}
"""
        for name, outer, between, inner in pairs(place):
            ports = (outer, between) if end == "client" else (between, inner)
            text += f"[{name}]\naccept = 127.0.0.1:{ports[0]}\nconnect = 127.0.0.1:{ports[1]}\n"
        place.start("stunnel4", place.write(f"stunnel-{end}.conf", text))


def openssl(place, _fresh):
    """nginx and curl with OpenSSL in themselves."""
    servers(place)
    certificates(place.folder)
    f, place.http = place.folder, place.ports[3]
    place.scheme = "https"
    place.start("nginx", "-c", nginx_http(
        place, os.path.join(f, "www"),
        f"listen 127.0.0.1:{place.http} ssl; ssl_protocols TLSv1.3; ssl_certificate {f}/server.crt; "
        f"ssl_certificate_key {f}/server.key; ssl_client_certificate {f}/ca.pem; "
        "ssl_verify_client on;", "https"))


def pillion(place, fresh, path="auto"):
    settings = f"""socket = "{place.folder}/p.sock"
abstract = ""
policy = {{"{place.folder}/policy.conf"}}
state = "{place.folder}/state"
log = "{place.folder}/decisions.log"
log_allows = denials
deadline = 10s
watch = no
record_path = {path}
resume = {"no" if fresh else "yes"}
"""
    place.write("policy.conf", f"""schema = 1
trust_domain = "peers.test"
default = allow
workload "both" {{ user = "root" }}
service "loopback" {{
    endpoints = {{"127.0.0.1:{place.plain_redis}", "127.0.0.1:{place.plain_http}"}}
    identity = "spiffe://peers.test/both"
    encrypt = required
}}
policy "all" {{ applies = {{"*"}} rule "all" {{ effect = allow }} }}
""")
    place.start(f"{BUILD}/policyd", "-f", "-c", place.write("policyd.conf", settings))
    end = time.monotonic() + 15
    while not os.path.exists(f"{place.folder}/p.sock") and time.monotonic() < end:
        time.sleep(0.02)
    place.client = [f"{BUILD}/pillion", "run", "-s", f"{place.folder}/p.sock", "--"]
    place.check = lambda: check_pillion(place, fresh, "relay" if path == "relay" else "process")
    servers(place, prefix=place.client)


def check_pillion(place, fresh, path):
    """Connections were TLS, took that path, and were resumed or not."""
    text = subprocess.run([f"{BUILD}/pillion", "status", "-s", f"{place.folder}/p.sock", "--json"],
                          check=True, text=True, stdout=subprocess.PIPE).stdout
    mesh = json.loads(text)["mesh"]
    opened = {name: one["opened"] for name, one in mesh["paths"].items()}
    others = [name for name, count in opened.items() if count and name != path]
    if not opened[path] or others:
        raise RuntimeError(f"connections were to take the path {path}, not {opened}")
    if fresh and mesh["accept"]["resumed"]:
        raise RuntimeError(f"{mesh['accept']['resumed']} handshakes were resumed")


def pillion_relay(place, fresh):
    pillion(place, fresh, "relay")


SIDECARS = ("haproxy", "nginx", "stunnel")


class Way:
    def __init__(self, name, start, programs=(), measures=()):
        self.name, self.start, self.programs, self.measures = name, start, programs, measures

    def missing(self):
        return [p for p in ("redis-server", "redis-benchmark", "nginx", "wrk", "curl", "openssl",
                            *self.programs) if not shutil.which(p, path=PATH)]

    def can(self, measure):
        return not self.measures or measure in self.measures


ALL = [
    Way("direct", direct),
    Way("haproxy", haproxy, ("haproxy",)),
    Way("nginx", nginx),
    Way("stunnel", stunnel, ("stunnel4",)),
    Way("openssl", openssl, (), ("bulk",)),
    Way("pillion", pillion),
    Way("pillion-relay", pillion_relay, (), ("redis-1", "redis-32", "nginx-1k", "bulk")),
]


@contextlib.contextmanager
def running(way, folder, fresh):
    os.makedirs(folder, mode=0o755)
    place = Place(folder)
    try:
        way.start(place, fresh)
        for port in {place.plain_redis, place.redis, place.plain_http, place.http}:
            place.wait_for(port)
        yield place
        place.check()
    finally:
        place.end()
