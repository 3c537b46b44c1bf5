#!/usr/bin/env python3
"""Runs other projects' suites without Pillion and under an allow policy, and compares.

    tests/suites/run.py [SUITE | SUITE/PART]...

Each part of a suite is run twice without Pillion and once under it, and what became of each of its
tests is compared. A test with two results without Pillion is flaky, and is named as such; before a
difference is believed, the part is run without Pillion again (AGAIN times), because it may be flaky
all the same. Any other difference is Pillion's, and the exit status is 1.

BUILD is where Pillion was built (build), JOBS how many parts run at a time (two), POLICY the
policy.
tests/suites/README.md says how a suite is described.
"""

import collections
import concurrent.futures
import glob
import os
import shutil
import signal
import subprocess
import sys
import time

import commands
from comparison import Comparison, conclude, report
from suite import Mistake, load

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
POLICY = os.path.join(ROOT, os.environ.get("POLICY", "tests/victims/allow.conf"))
AGAIN = int(os.environ.get("AGAIN", "2"))
KEPT = os.path.join(BUILD, "suites")
COPY = os.path.join(KEPT, "policy.conf")


class Unable(Exception):
    """A suite that cannot be run; skipped, with this reason."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def compare(suite, part, base):
    """The runs of a part, one after the other."""
    clock, took = time.monotonic(), []

    def leg(name, under=()):
        tests = commands.run_part(suite, part, base, f"{KEPT}/results", name, list(under))
        took.append(f"{time.monotonic() - clock - sum(map(float, took)):.1f}")
        return tests

    found = Comparison(leg("without"))
    found.native.append(leg("without-2"))
    found.pillion = leg("under", [f"{BUILD}/pillion", "run", "--solo", COPY, "--"])
    for extra in range(AGAIN):
        if all(suite.expected(test) for test in found.differing()):
            break
        found.native.append(leg(f"without-{extra + 3}"))
    say(f"    {suite.name}/{part.name}: {len(found.names())} tests, seconds {' '.join(took)}")
    return found


def copy_policy():
    """Because a checkout may be writable by its group, and such a policy is refused."""
    os.makedirs(KEPT, exist_ok=True)
    shutil.copyfile(POLICY, COPY)
    os.chmod(COPY, 0o644)


# ---- a suite ------------------------------------------------------------------------------------


def prepare(suite):
    """The folder the suite runs in, fetched where it has a source package; raises Unable."""
    lack = suite.lacks()
    if lack:
        raise Unable(lack)
    if not suite.source:
        return ""
    folder = os.path.join(KEPT, "sources", suite.source)
    script = ["sh", os.path.join(HERE, "source.sh"), suite.source, folder]
    if subprocess.run(script, stdout=sys.stderr, check=False).returncode:
        raise Unable(f"the Debian source package {suite.source} could not be fetched")
    build(suite, folder)
    return os.path.join(folder, "source")


def build(suite, folder):
    """Runs what the suite says prepares its source, once for each wording of it."""
    done, log = os.path.join(folder, "prepared"), os.path.join(folder, "prepare.log")
    if os.path.exists(done):
        with open(done, encoding="utf-8") as text:
            if text.read() == suite.prepare:
                return
    say(f"    {suite.name}: {suite.prepare}")
    with open(log, "wb") as output:
        status = subprocess.run(["/bin/sh", "-c", suite.prepare], cwd=f"{folder}/source",
                                stdout=output, stderr=output, check=False).returncode  # fmt: skip
    if status:
        raise Unable(f"{suite.prepare} failed, see {log}")
    with open(done, "w", encoding="utf-8") as text:
        text.write(suite.prepare)


def run_suite(suite, wanted, total):
    try:
        base = prepare(suite)
    except Unable as why:
        print(f"{suite.name}: skipped: {why}", flush=True)
        total["skipped"] += 1
        return
    parts = [part for part in suite.parts if not wanted or part.name in wanted]
    say(f"{suite.name}: {suite.about}")
    jobs = int(os.environ.get("JOBS", min(2, os.cpu_count() or 1)))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            done = list(pool.map(lambda part: compare(suite, part, base), parts))
        except KeyboardInterrupt:
            commands.running.stop()
            raise
    report(suite, done, total)


def choose(words):
    """Suite -> names of the parts that are wanted of it, none for all; raises Mistake."""
    folder = os.environ.get("SUITES_FOLDER", HERE)
    paths = sorted(glob.glob(os.path.join(folder, "*.suite")))
    there = {os.path.basename(path)[: -len(".suite")]: path for path in paths}
    chosen = {}
    for word in words or there:
        name, _, part = word.partition("/")
        if name not in there:
            raise Mistake(f"no suite {name}; there is {', '.join(there)}")
        suite, parts = chosen.setdefault(name, (load(there[name]), []))
        if part and part not in [known.name for known in suite.parts]:
            legal = ", ".join(known.name for known in suite.parts)
            raise Mistake(f"no part {part} of {name}; there is {legal}")
        parts += [part] if part else []
    return chosen.values()


def take_signals():
    """Whoever starts us may ignore some, as a shell does in the background; tests send them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def main():
    if not all(os.path.exists(os.path.join(BUILD, name)) for name in ("pillion", "libpillion.so")):
        say(f"suites: Pillion is not built in {BUILD}")
        return 2
    try:
        chosen = choose(sys.argv[1:])
    except Mistake as mistake:
        say(f"suites: {mistake}")
        return 2
    copy_policy()
    total = collections.Counter()
    take_signals()
    try:
        for suite, parts in chosen:
            run_suite(suite, parts, total)
    except KeyboardInterrupt:
        say("suites: interrupted")
        return 130
    return conclude(total)


if __name__ == "__main__":
    sys.exit(main())
