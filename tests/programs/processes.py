"""Processes in every way that Python makes them, each of them using the network at once."""
import multiprocessing as mp
import os
import socket
import subprocess
import sys
import threading

listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
PORT = listener.getsockname()[1]
over = threading.Event()


def serve():
    while True:
        peer, _ = listener.accept()
        peer.close()


def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30):
        return 1


def busy():
    while not over.is_set():
        connect(PORT)


def child(port, queue):
    queue.put(sum(connect(port) for _ in range(3)))


def fork_storm():
    queue = mp.get_context("fork").Queue()
    children = [mp.get_context("fork").Process(target=child, args=(PORT, queue)) for _ in range(40)]
    for one in children:
        one.start()
    print("storm:", sum(queue.get(timeout=60) for _ in children))
    for one in children:
        one.join(60)
    print("ended:", {one.exitcode for one in children})


def pools():
    with mp.get_context("fork").Pool(4) as pool:
        print("pool:", sum(pool.map(connect, [PORT] * 50)))
    for method in "spawn", "forkserver":
        with mp.get_context(method).Pool(2) as pool:
            print(f"{method}:", sum(pool.map(connect, [PORT] * 10)))


def manager():
    with mp.get_context("fork").Manager() as shared:
        numbers = shared.list(range(5))
        numbers.append(5)
        print("manager:", list(numbers))


PROGRAM = """
import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
print(sys.argv[2], end="")
"""


def subprocesses():
    command = [sys.executable, "-c", PROGRAM, str(PORT)]
    print("run:", subprocess.run(command + ["a"], capture_output=True, text=True).stdout)
    for close in True, False:
        print("close_fds:", subprocess.check_output(command + ["b"], close_fds=close, text=True))
    print("environment:", subprocess.check_output(command + ["c"], env={}, text=True))
    print("session:", subprocess.check_output(command + ["d"], start_new_session=True, text=True))
    with socket.socket() as passed:
        print("passed:", subprocess.check_output(command + ["e"], pass_fds=[passed.fileno()],
                                                 text=True))
    pid = os.posix_spawn(sys.executable, command + ["f"], os.environ)
    print("\nspawned:", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    try:
        subprocess.run(["/no/such/program"], check=True)
    except FileNotFoundError as error:
        print("missing:", error.errno)
    many = [subprocess.Popen(command + ["g"], stdout=subprocess.PIPE, text=True) for _ in range(5)]
    print("many:", "".join(one.communicate(timeout=60)[0] for one in many))


def main():
    threading.Thread(target=serve, daemon=True).start()
    threads = [threading.Thread(target=busy) for _ in range(3)]
    for one in threads:
        one.start()
    fork_storm()
    over.set()
    for one in threads:
        one.join()
    pools()
    manager()
    subprocesses()
    print("descriptors:", connect(PORT))


if __name__ == "__main__":
    main()
