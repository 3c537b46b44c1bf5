"""Descriptions of suites: one file each, NAME.suite, in the form of tests/suites/README.md."""

import configparser
import fnmatch
import glob
import os
from dataclasses import dataclass

from results import PARSERS

PART_KEYS = {"run", "tests", "results", "files", "folder", "timeout", "environment"}
SUITE_KEYS = {"about", "packages", "needs", "source", "prepare"} | PART_KEYS  # defaults of parts


class Mistake(Exception):
    """Something wrong in a description, with its place."""


@dataclass
class Part:
    """A command, or one for each of some files, and how to read what became of its tests."""

    name: str
    run: str
    results: str
    tests: str = ""
    files: str = ""
    folder: str = ""
    timeout: int = 120
    environment: str = ""


@dataclass
class Suite:
    name: str
    about: str
    packages: list
    needs: list
    source: str
    prepare: str
    parts: list
    left_out: dict  # pattern of tests that are not run: why
    differs: dict  # pattern of tests whose result is another one under Pillion: why

    def expected(self, test):
        """Why this test may differ, or None."""
        for pattern, why in self.differs.items():
            if fnmatch.fnmatchcase(test, pattern):
                return why
        return None

    def lacks(self):
        """Why the suite cannot run here, or None."""
        missing = [path for path in self.needs if not glob.glob(path)]
        if missing:
            return f"{missing[0]} is missing (Debian: {', '.join(self.packages)})"
        return None


def refuse_unknown(place, keys, legal):
    for key in keys:
        if key not in legal:
            raise Mistake(f"{place}: unknown key {key}; legal is {', '.join(sorted(legal))}")


def read_part(place, name, values):
    for key in ("run", "results"):
        if key not in values:
            raise Mistake(f"{place}: {key} is missing")
    if values["results"].split()[0] not in PARSERS:
        raise Mistake(f"{place}: results {values['results']}; legal is {', '.join(PARSERS)}")
    if not values.get("timeout", "1").isdigit():
        raise Mistake(f"{place}: timeout {values['timeout']}; legal is a number of seconds")
    part = Part(name, **values)
    part.timeout = int(part.timeout)
    part.environment = dict(word.split("=", 1) for word in part.environment.split())
    return part


def section_of(text, name):
    """Its keys and values; a value that goes on in the next line is one line."""
    values = dict(text[name]) if text.has_section(name) else {}
    return {key: " ".join(value.split("\n")) for key, value in values.items()}


def load(path):
    """The suite in that file; raises Mistake."""
    text = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    text.optionxform = str
    try:
        with open(path, encoding="utf-8") as lines:
            text.read_file(lines)
    except (OSError, configparser.Error) as error:
        raise Mistake(f"{path}: {error}") from error
    if not text.has_section("suite"):
        raise Mistake(f"{path}: [suite] is missing")
    head = section_of(text, "suite")
    refuse_unknown(f"{path}: [suite]", head, SUITE_KEYS)
    defaults = {key: head[key] for key in PART_KEYS if key in head}
    parts = []
    for section in text.sections():
        if section.startswith("part "):
            place, values = f"{path}: [{section}]", section_of(text, section)
            refuse_unknown(place, values, PART_KEYS)
            parts.append(read_part(place, section.split(None, 1)[1], {**defaults, **values}))
        elif section not in ("suite", "left out", "differs"):
            raise Mistake(f"{path}: [{section}]; legal is suite, part NAME, left out, differs")
    if not parts:
        raise Mistake(f"{path}: has no [part NAME]")
    return Suite(
        name=os.path.basename(path)[: -len(".suite")],
        about=head.get("about", ""),
        packages=head.get("packages", "").split(),
        needs=head.get("needs", "").split(),
        source=head.get("source", ""),
        prepare=head.get("prepare", ""),
        parts=parts,
        left_out=section_of(text, "left out"),
        differs=section_of(text, "differs"),
    )
