"""What became of the tests of a run: a dictionary, name of the test -> one of the outcomes."""

import os
import re
import xml.etree.ElementTree

PASS, FAIL, ERROR, SKIP, EXPECTED = "passes", "fails", "errs", "is skipped", "fails as known"
NOT_RUN = "is not run"

TAP_LINE = re.compile(r"(not )?ok\b *(\d+)? *-? *([^#]*)(?:# *(skip|todo))?", re.IGNORECASE)
# A file that is skipped whole says so in its plan, of which prove makes words of its own.
TAP_PLAN = re.compile(r"1\.\.0\b *# *skip|\S+ \.\.+ skipped\b", re.IGNORECASE)


def of_junit(_log, out, _argument):
    """A JUnit file, as CPython's regrtest writes it."""
    tests = {}
    if not os.path.exists(out):
        return tests
    kinds = {"failure": FAIL, "error": ERROR, "skipped": SKIP}
    for case in xml.etree.ElementTree.parse(out).getroot().iter("testcase"):
        kind = next((kinds[child.tag] for child in case if child.tag in kinds), PASS)
        tests[case.get("name")] = kind
    return tests


def of_tap(log, _out, argument):
    """Lines "ok N - text" and "not ok N - text"; a test is known by its number, or its text."""
    tests = {}
    for line in log.splitlines():
        if TAP_PLAN.match(line):
            tests["all"] = SKIP
        match = TAP_LINE.match(line)
        if not match:
            continue
        bad, number, text, directive = match.groups()
        if not number and not text.strip():
            continue  # prove's own word on a file
        kind = FAIL if bad else PASS
        if directive:
            kind = SKIP if directive.lower() == "skip" else EXPECTED if bad else PASS
        tests[text.strip() if argument == "names" else number or str(len(tests) + 1)] = kind
    return tests


WORDS = {
    "ok": PASS, "pass": PASS, "passed": PASS, "success": PASS,
    "fail": FAIL, "failed": FAIL, "failure": FAIL, "not ok": FAIL,
    "error": ERROR, "skip": SKIP, "skipped": SKIP, "disabled": SKIP,
}  # fmt: skip


def of_lines(log, _out, pattern):
    """Lines that match a regular expression with the groups name and result; none is a failure."""
    tests = {}
    for line in log.splitlines():
        match = re.search(pattern, line)
        if match:
            word = (match["result"] or "failed").lower()
            tests[match["name"]] = WORDS.get(word, word)
    return tests


def of_exit(_log, _out, _argument):
    """Nothing but how the command ended, which is always compared."""
    return {}


PARSERS = {"junit": of_junit, "tap": of_tap, "lines": of_lines, "exit": of_exit}


def parse(how, log, out):
    """Reads a run's output, and the file that {out} stood for, in the way that `results` says."""
    name, _, argument = how.partition(" ")
    return PARSERS[name](log, out, argument)
