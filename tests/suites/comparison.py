"""What became of the tests of a part in all its runs, and what is said about it."""

import collections
import sys

import results
from commands import WHOLE


class Comparison:
    """What became of the tests of a part, in all its runs."""

    def __init__(self, first):
        self.native = [first]
        self.pillion = {}

    def names(self):
        every = set(self.pillion)
        for run in self.native:
            every |= set(run)
        return sorted(every)

    def without(self, test):
        """Its results without Pillion, each once."""
        return list(dict.fromkeys(run.get(test, results.NOT_RUN) for run in self.native))

    def under(self, test):
        return self.pillion.get(test, results.NOT_RUN)

    def flaky(self):
        return [test for test in self.names() if len(self.without(test)) > 1]

    def futile(self):
        """Commands that do not work without Pillion, and how they end."""
        passed = [test for test, result in self.native[0].items() if result == results.PASS]
        ends = {test[: -len(WHOLE)]: result for test, result in self.native[0].items()
                if test.endswith(WHOLE) and result != "ends with 0"}  # fmt: skip
        return {name: end for name, end in ends.items() if end.startswith("is ended")
                or not any(test.startswith(name) for test in passed)}  # fmt: skip

    def differing(self):
        return [test for test in self.names() if self.without(test) == self.without(test)[:1]
                and self.under(test) != self.without(test)[0]]  # fmt: skip


LEGEND = (
    "{tests} tests: {same} the same ({asleep} skipped, {failing} failing in both), {flaky} flaky, "
    "{expected} expected, {differ} DIFFER"
)
TOTAL = (
    "suites: {run} run, {skipped} skipped; {tests} tests: {same} the same, {flaky} flaky, "
    "{expected} expected, {differ} differ"
)


def judge(suite, found, count, lines):
    """Counts the tests of a part, and gives those a line that there is something to say about."""
    count["tests"] += len(found.names())
    for command, end in found.futile().items():
        count["broken"] += 1
        lines.append(f"PROVES NOTHING: {command.strip()}: {end} without Pillion")
    for test in found.flaky():
        count["flaky"] += 1
        lines.append(f"flaky: {test}: {', '.join(found.without(test))}")
    alike = set(found.names()) - set(found.flaky()) - set(found.differing())
    kinds = collections.Counter(found.under(test) for test in alike)
    count["asleep"] += kinds[results.SKIP]
    count["failing"] += kinds[results.FAIL] + kinds[results.ERROR]
    for test in found.differing():
        why = suite.expected(test)
        what = f"{test}: {found.without(test)[0]} without, {found.under(test)} under Pillion"
        count["expected" if why else "differ"] += 1
        lines.append(f"differs as expected: {what}: {why}" if why else f"DIFFERS: {what}")


def report(suite, parts, total):
    """One line for a suite, and those below it; adds to the total."""
    count, lines = collections.Counter(run=1), []
    for found in parts:
        judge(suite, found, count, lines)
    lines += [f"left out: {pattern}: {why}" for pattern, why in suite.left_out.items()]
    count["same"] = count["tests"] - count["flaky"] - count["expected"] - count["differ"]
    print(f"{suite.name}:", LEGEND.format_map(count))
    for line in lines:
        print(f"    {line}")
    sys.stdout.flush()
    total.update(count)


def conclude(total):
    """The last line; the exit status."""
    broken = f"; {total['broken']} prove nothing" if total["broken"] else ""
    print(TOTAL.format_map(total) + broken)
    return 1 if total["differ"] or total["broken"] else 0
