#!/bin/sh
# node: http with and without kept connections, plain streams that half close, and a cluster.
set -u
. "$(dirname "$0")/common"
need node curl perl python3

scenario() {
    later $RUN node -e '
        const http = require("http"), net = require("net"), cluster = require("cluster");
        const [, port, port2, marker] = process.argv;
        if (cluster.isPrimary) {
            cluster.fork(); cluster.fork();
            net.createServer({ allowHalfOpen: true }, (s) => {
                let n = 0;
                s.on("data", (d) => (n += d.length)).on("end", () => s.end(`${n} bytes\n`));
            }).listen(port2, "127.0.0.1");
        } else {
            http.createServer((q, r) => r.end(q.url === "/large" ? marker.repeat(50000) : marker))
                .listen(port, "127.0.0.1");
        }' "$(port)" "$(port 2)" "$marker"
    ready $RUN curl -sf "http://127.0.0.1:$(port)/"
    ready $RUN perl -MIO::Socket::INET -e \
        'IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or exit 1' "$(port 2)"
    $RUN node -e '
        const http = require("http"), net = require("net"), fs = require("fs");
        const [, port, port2, marker] = process.argv;
        const get = (path, agent) => new Promise((done) =>
            http.get({ host: "127.0.0.1", port, path, agent }, (r) => {
                let text = "";
                r.on("data", (d) => (text += d)).on("end", () => done(text));
            }).on("error", (e) => done(e.code)));
        const send = (bytes) => new Promise((done) => {
            const s = net.connect({ host: "127.0.0.1", port: port2 });
            let text = "";
            s.on("data", (d) => (text += d)).on("end", () => done(text.trim()));
            s.on("error", (e) => done(e.code)).end(Buffer.alloc(bytes, marker));
        });
        (async () => {
            const kept = new http.Agent({ keepAlive: true, maxSockets: 4 });
            const count = (all, one) => all.filter((t) => t === one).length;
            const each = (n, f) => Promise.all(Array.from({ length: n }, f));
            console.log(count(await each(60, () => get("/", false)), marker));
            console.log(count(await each(200, () => get("/", kept)), marker));
            console.log(count(await each(8, () => get("/large", kept)), marker.repeat(50000)));
            console.log(await send(0), await send(1), await send(3000000));
            kept.destroy();
        })();' "$(port)" "$(port 2)" "$marker"
}
compare_secured
