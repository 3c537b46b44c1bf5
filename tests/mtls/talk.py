"""Servers and clients of three kinds that say the same: talk.py serve KIND PORT, and
talk.py ask KIND PORT WORD COUNT.

A client sends its whole text, shuts its half down, and reads an answer of some size and the sum of what
the server got. COUNT of them talk at once; what all of them got is printed, counted."""
import asyncio
import collections
import selectors
import socket
import sys
import threading
import zlib

HOST = "127.0.0.1"


def answer(text):
    """What a server says to a text: its sum and size, and half of the text."""
    return b"%08x %d " % (zlib.crc32(text), len(text)) + text[: len(text) // 2]


def told(got, text):
    return "right" if got == answer(text) else f"wrong: {len(got)} bytes, {got[:40]!r}"


def texts(word, count):
    """From nothing to some hundred thousand bytes."""
    return [(word.encode() + b" %d " % n) * (n * n * 5) for n in range(count)]


# ---- servers -----------------------------------------------------------------------------------

def serve_asyncio(port):
    async def one(reader, writer):
        writer.write(answer(await reader.read()))
        await writer.drain()
        writer.close()

    async def run():
        async with await asyncio.start_server(one, HOST, port, backlog=128) as server:
            await server.serve_forever()
    asyncio.run(run())


def serve_selectors(port):
    loop = selectors.DefaultSelector()
    listener = socket.create_server((HOST, port), backlog=128)
    listener.setblocking(False)

    def accept():
        s, _ = listener.accept()
        s.setblocking(False)
        parts = []
        loop.register(s, selectors.EVENT_READ, lambda: read(s, parts))

    def read(s, parts):
        part = s.recv(5000)
        if part:
            parts.append(part)
            return
        rest = [answer(b"".join(parts))]
        loop.modify(s, selectors.EVENT_WRITE, lambda: write(s, rest))

    def write(s, rest):
        rest[0] = rest[0][s.send(rest[0][:30000]):]
        if not rest[0]:
            loop.unregister(s)
            s.close()

    loop.register(listener, selectors.EVENT_READ, accept)
    while True:
        for key, _ in loop.select():
            key.data()


def serve_threads(port):
    def one(s):
        with s, s.makefile("rb") as file:
            s.sendall(answer(file.read()))

    listener = socket.create_server((HOST, port), backlog=128)
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


# ---- clients: each gives what it got for each text --------------------------------------------

def ask_asyncio(port, wanted):
    async def one(text):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(text)
        writer.write_eof()
        got = await reader.read()
        writer.close()
        return got

    async def run():
        return await asyncio.gather(*map(one, wanted))
    return asyncio.run(run())


def ask_selectors(port, wanted):
    loop = selectors.DefaultSelector()
    got = [b""] * len(wanted)
    open_ones = set()

    def start(n, text):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((HOST, port))
        open_ones.add(n)
        loop.register(s, selectors.EVENT_WRITE, lambda: write(s, n, [text]))

    def write(s, n, rest):
        error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "connect")
        if rest[0]:
            rest[0] = rest[0][s.send(rest[0]):]
        if rest[0]:
            loop.modify(s, selectors.EVENT_WRITE, lambda: write(s, n, rest))
            return
        s.shutdown(socket.SHUT_WR)
        loop.modify(s, selectors.EVENT_READ, lambda: read(s, n))

    def read(s, n):
        part = s.recv(3000)
        got[n] += part
        if not part:
            loop.unregister(s)
            s.close()
            open_ones.discard(n)

    for n, text in enumerate(wanted):
        start(n, text)
    while open_ones:
        for key, _ in loop.select():
            key.data()
    return got


def ask_threads(port, wanted):
    got = [b""] * len(wanted)

    def one(n, text):
        with socket.create_connection((HOST, port)) as s:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            while part := s.recv(70000):
                got[n] += part

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def main():
    verb, kind, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if verb == "serve":
        globals()[f"serve_{kind}"](port)
        return
    wanted = texts(sys.argv[4], int(sys.argv[5]))
    got = globals()[f"ask_{kind}"](port, wanted)
    print(dict(collections.Counter(map(told, got, wanted))))
    if got != list(map(answer, wanted)):
        sys.exit(1)


main()
