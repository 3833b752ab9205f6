# SPDX-License-Identifier: BSD-3-Clause
"""The suite as data: which programs there are, their points and groups, their references.

A suite is a directory with `suite.json`, `snippets/NAME.c`, `ref/NAME.ref` and, of programs that
read headers, `ref/NAME.headers`. The order of `suite.json` is the order in which results are
printed.
"""

import difflib
import fnmatch
import json
import re
from dataclasses import dataclass
from pathlib import Path

from . import members
from .build import HarnessError
from .stats import parse_address
from .symbols import parse_reference

CAUSE_POINTS = 3        # what one cause costs at most, where suite.json does not say
DEFAULT_ROOT = Path(__file__).resolve().parent.parent
FIELDS = ("size", "status")     # of a header, that programs read
HEADER_READ = re.compile(r"(\d+): (?:errno|(.*) (size|status)) (\d+)")


@dataclass(frozen=True)
class Test:
    """One program: its source, its reference, what it is worth, why it may leave blocks behind."""

    name: str
    c_file: Path
    ref_file: Path
    points: int
    group: str
    memory: str = ""    # why the memory checks leave it out ("reads freed ..."), "" if they do not
    needs: tuple = ()   # names of tests that must give something, or this one is skipped
    hidden: bool = False    # whether students are told nothing about it (checker/grade)
    headers: tuple = ()     # what it reads in headers, as read_headers() gives it


@dataclass(frozen=True)
class Scheme:
    """How results become marks, beside the points of each test (checker/grade)."""

    style: int          # points for style; correctness is the rest of 100
    partial: dict       # "results", "sound" -> the share of a test's points that this is worth
    groups: dict        # of a group: "needs", "hidden"; of seeds and faults: "points"
    by_cause: bool = False      # whether the mark counts causes (causes.py), not failed programs
    cause_points: int = CAUSE_POINTS    # what one cause costs at most, as `points` of a test

    def needs(self, group):
        """Names of tests that must give something, or all of the group is skipped."""
        return tuple(self.groups.get(group, {}).get("needs", ()))

    def hidden(self, group):
        """Whether students are told nothing about the group's tests."""
        return bool(self.groups.get(group, {}).get("hidden", False))

    def points(self, group):
        """What all of a group that is not in the suite (seeds, faults) weighs."""
        return float(self.groups.get(group, {}).get("points", 0))


def load_suite(root=DEFAULT_ROOT):
    """All tests of the suite in directory `root`, in order. HarnessError if it is damaged."""
    root = Path(root)
    path = root / "suite.json"
    if holds_budgets(root):
        raise HarnessError(f"{path} holds budgets of system calls, not a course's tests; "
                           f"python3 tests/run_tests.py --suite {root} runs them")
    return [test_from(root, name, entry) for name, entry in members.read(path)["tests"].items()]


def holds_budgets(root):
    """Whether the suite in directory `root` is one of budgets.py; False for what is no suite."""
    try:
        data = json.loads((Path(root) / "suite.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.get("kind") == "budgets"


def test_from(root, name, entry):
    """The Test that one entry of suite.json describes."""
    return Test(name, root / "snippets" / f"{name}.c", root / "ref" / f"{name}.ref",
                entry["points"], entry["group"], entry.get("memory", ""),
                tuple(entry.get("needs", ())), entry.get("hidden", False),
                read_headers(root / "ref" / f"{name}.headers"))


def read_headers(path):
    """((events made, address of a header, "size", "status" or "errno", value), ...) that a program
    reads, as header_reads.py wrote it; () without that file. HarnessError if it is damaged."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise HarnessError(f"cannot read {path}: {error}; rewrite it with --update-refs") from error
    found = [HEADER_READ.fullmatch(line) for line in lines]
    if None in found or None in (parse_address(match[2] or "NULL") for match in found):
        raise HarnessError(f"{path} is damaged; rewrite it with --update-refs {path.stem}")
    return tuple((int(match[1]), parse_address(match[2] or "NULL"), match[3] or "errno",
                  int(match[4])) for match in found)


def load_scheme(root=DEFAULT_ROOT):
    """The Scheme of the suite in directory `root`. HarnessError if it makes no sense."""
    data = members.read(Path(root) / "suite.json")
    marks = data.get("marks", {})
    return Scheme(data.get("style", 10), data.get("partial", {}), data.get("groups", {}),
                  marks.get("by") == "cause", marks.get("cause", CAUSE_POINTS))


def select(tests, patterns):
    """The tests that `patterns` name, in suite order; all of them without patterns."""
    names = set(expand([test.name for test in tests], patterns))
    return [test for test in tests if test.name in names or not patterns]


def expand(names, patterns):
    """Those of `names` that one of the patterns means, in the order of `names`.

    A pattern is a name with or without `test-` and `.c`, or a glob. HarnessError, with similar
    names, if one matches nothing.
    """
    wanted = set()
    for pattern in patterns:
        found = [name for name in names if fnmatch.fnmatchcase(bare(name), bare(pattern))]
        if not found:
            raise HarnessError(unknown(names, pattern))
        wanted.update(found)
    return [name for name in names if name in wanted]


def bare(name):
    """`name` without directories, `.c` or `.ref`, and the `test-` that all names may begin with."""
    return name.rsplit("/", 1)[-1].removesuffix(".c").removesuffix(".ref").removeprefix("test-")


def unknown(names, pattern):
    """The error for a pattern that matches no name, with names that look like it."""
    stems = {bare(name): name for name in names}
    near = difflib.get_close_matches(bare(pattern), stems, n=3, cutoff=0.5)
    near += [stem for stem in stems if bare(pattern) in stem and stem not in near][:3]
    advice = f"did you mean {', '.join(stems[stem] for stem in near)}?" if near else \
        "--list shows all names"
    return f"no test is called '{pattern}'; {advice}"


def read_references(tests):
    """The expected events of each test by name. HarnessError if one is missing or damaged."""
    return {test.name: read_reference(test) for test in tests}


def read_reference(test):
    """The expected events of one test."""
    try:
        return parse_reference(test.ref_file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HarnessError(f"{test.name} has no reference; "
                           f"write it with --update-refs {test.name}") from error
    except (OSError, ValueError) as error:
        raise HarnessError(f"cannot read {test.ref_file}: {error}; "
                           f"rewrite it with --update-refs {test.name}") from error
