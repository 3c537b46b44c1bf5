"""asyncio, threads, datagrams, unix sockets, subprocesses and a fork pool in one program."""
import asyncio
import concurrent.futures
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading


async def asynchronous():
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    async def call(n):
        reader, writer = await asyncio.open_connection(n % 2 and "localhost" or "127.0.0.1", port)
        writer.write(b"call %d\n" % n)
        line = await reader.readline()
        writer.close()
        return line == b"CALL %d\n" % n

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print("asyncio", sum(await asyncio.gather(*[call(n) for n in range(100)])))
    try:
        await asyncio.open_connection("127.0.0.1", 1)
    except ConnectionRefusedError:
        print("refused")
    server.close()


def dial(port):
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        return s.recv(2) == b"ok"


def main():
    asyncio.run(asynchronous())
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = server.getsockname()[1]

    def accept_all():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            peer.sendall(b"ok")
            peer.close()

    threading.Thread(target=accept_all, daemon=True).start()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        print("threads", sum(pool.map(dial, [port] * 200)))
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print("processes", sum(pool.map(dial, [port] * 40)))
    child = "import socket; print(socket.create_connection(('127.0.0.1', %d)).recv(2))" % port
    print(subprocess.check_output([sys.executable, "-c", child], env={}).decode().strip())
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    udp.sendto(b"datagram", udp.getsockname())
    print(udp.recv(100).decode())
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("s")
        listener.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect("s")
        print("unix", listener.accept()[0].fileno() > 0)
    try:
        socket.getaddrinfo("nobody.invalid", 80)
    except socket.gaierror as error:
        print(error.strerror)


main()
