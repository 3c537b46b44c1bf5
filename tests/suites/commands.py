"""Runs the commands of a part, each in a fresh folder and with the same environment."""

import glob
import os
import shlex
import shutil
import signal
import subprocess
import tempfile

import results

WHOLE = "(the whole)"  # how a command ended, beside its tests


def environment(part, home):
    """The same for every run, whoever starts it."""
    values = {"PATH": "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    return {**values, "HOME": home, "TMPDIR": home, **part.environment}


class Running:
    """The commands under way, each the leader of a process group, so that none outlives us."""

    def __init__(self):
        self.leaders, self.stopped = set(), False

    def end(self, leader):
        try:
            os.killpg(leader, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def stop(self):
        self.stopped = True
        for leader in list(self.leaders):
            self.end(leader)


running = Running()


def wait(process, seconds):
    """How the command ended, in words; whatever it left running is ended."""
    running.leaders.add(process.pid)
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        status = None
    running.end(process.pid)
    running.leaders.discard(process.pid)
    if status is None:
        process.wait()
        return f"is ended after {seconds} s"
    return f"ends with {status}" if status >= 0 else f"dies of signal {-status}"


def run_once(part, folder, file, under, kept):
    """Runs the command of a part, in a folder of its own for what it writes; gives its tests."""
    home = tempfile.mkdtemp(prefix="suite-", dir="/tmp")  # short: paths of unix sockets are
    out, log = os.path.join(kept, "out"), os.path.join(kept, "log")
    words = part.run.replace("{out}", shlex.quote(out)).replace("{tests}", part.tests)
    command = under + ["/bin/sh", "-c", "exec " + words.replace("{file}", shlex.quote(file))]
    os.makedirs(kept, exist_ok=True)
    if running.stopped:
        raise KeyboardInterrupt
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, cwd=folder or home, env=environment(part, home), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        end = wait(process, part.timeout)
    shutil.rmtree(home, ignore_errors=True)
    with open(log, encoding="utf-8", errors="replace") as text:
        tests = results.parse(part.results, text.read(), out)
    if not tests and part.results != "exit":
        end += " without results"
    return {**tests, WHOLE: end}


def run_part(suite, part, base, kept, leg, under):
    """All commands of a part; the names of tests begin with the part, and the file they are in."""
    folder = os.path.join(base, part.folder)
    files = [""]
    if part.files:
        found = [sorted(glob.glob(word, root_dir=folder)) for word in part.files.split()]
        files = [file for group in found for file in group]
    kept = os.path.join(kept, suite.name, part.name, leg)
    shutil.rmtree(kept, ignore_errors=True)
    tests = {} if files else {f"{part.name} {WHOLE}": "finds no files"}
    for file in files:
        name = os.path.splitext(os.path.basename(file))[0]
        prefix = f"{part.name}/{name} " if file else f"{part.name} "
        got = run_once(part, folder, file, under, os.path.join(kept, name))
        tests.update({prefix + test: result for test, result in got.items()})
    return tests
