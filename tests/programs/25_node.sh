#!/bin/sh
# node: its event loop, the resolver in its thread pool, child processes.
set -u
. "$(dirname "$0")/common"
need node perl

scenario() {
    $RUN node -e '
        const http = require("http"), net = require("net"), dgram = require("dgram");
        const get = (port) => new Promise((done) =>
            http.get({ host: "localhost", family: 4, port, agent: false }, (r) => {
                let text = "";
                r.on("data", (d) => (text += d)).on("end", () => done(text));
            }).on("error", (e) => done(e.code)));
        const server = http.createServer((q, r) => r.end("served")).listen(0, "127.0.0.1", run);
        async function run() {
            const all = await Promise.all(Array.from({ length: 60 }, () =>
                get(server.address().port)));
            console.log(all.filter((t) => t === "served").length);
            console.log(await get(1));
            await new Promise((done) => require("dns").lookup("nobody.invalid", (e) => {
                console.log(e.syscall);
                done();
            }));
            const udp = dgram.createSocket("udp4").bind(0, "127.0.0.1", () =>
                udp.send("datagram", udp.address().port, "127.0.0.1"));
            udp.on("message", (m) => {
                console.log(String(m));
                udp.close();
                console.log(require("child_process").execSync("echo child").toString().trim());
                server.close();
            });
        }'
}
compare_legs
