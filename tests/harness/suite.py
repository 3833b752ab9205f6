# SPDX-License-Identifier: BSD-3-Clause
"""Read a suite: its programs, their points, groups and references.

A suite is a directory with `suite.json`, `snippets/NAME.c`, `ref/NAME.ref` and, for programs that
read headers, `ref/NAME.headers`. Results are printed in the order of `suite.json`.
"""

import difflib
import fnmatch
import json
import re
from dataclasses import dataclass
from pathlib import Path

from . import members
from .build import HarnessError
from .tracing.events import parse_address
from .spec.symbols import parse_reference

CAUSE_POINTS = 3        # the most that one cause costs, if suite.json has no other number
DEFAULT_ROOT = Path(__file__).resolve().parent.parent
FIELDS = ("size", "status")     # fields of a header that programs read
HEADER_READ = re.compile(r"(\d+): (?:errno|(.*) (size|status)) (\d+)")


@dataclass(frozen=True)
class Test:
    """One program of the suite: its source, its reference, its points."""

    name: str
    c_file: Path
    ref_file: Path
    points: int
    group: str
    memory: str = ""    # why memory checks skip it ("reads freed ..."), "" if they do not
    needs: tuple = ()   # names of tests; if one of them earns nothing, this test is skipped
    hidden: bool = False    # whether students learn nothing about it (checker/grade)
    headers: tuple = ()     # its reads of headers, from read_headers()


@dataclass(frozen=True)
class Scheme:
    """How results become marks, apart from the points of each test (checker/grade)."""

    style: int          # points for style; correctness is the rest of 100
    partial: dict       # "results", "sound" -> the share of its points that such a test earns
    groups: dict        # group -> {"needs", "hidden"; for seeds and faults also "points"}
    by_cause: bool = False      # whether the mark counts causes (causes.py), not failed programs
    cause_points: int = CAUSE_POINTS    # the most that one cause costs, in the unit of `points`

    def needs(self, group):
        """Names of tests; if one of them earns nothing, the whole group is skipped."""
        return tuple(self.groups.get(group, {}).get("needs", ()))

    def hidden(self, group):
        """Whether students learn nothing about the group's tests."""
        return bool(self.groups.get(group, {}).get("hidden", False))

    def points(self, group):
        """The weight of all tests of a generated group (seeds, faults) together."""
        return float(self.groups.get(group, {}).get("points", 0))


def load_suite(root=DEFAULT_ROOT):
    """All tests of the suite in directory `root`, in order. HarnessError if it is damaged."""
    root = Path(root)
    path = root / "suite.json"
    if holds_budgets(root):
        raise HarnessError(f"{path} holds budgets of system calls, not a course's tests; "
                           f"run them with python3 tests/run_tests.py --suite {root}")
    return [test_from(root, name, entry) for name, entry in members.read(path)["tests"].items()]


def holds_budgets(root):
    """Whether directory `root` holds a suite of budgets (budgets.py)."""
    try:
        data = json.loads((Path(root) / "suite.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.get("kind") == "budgets"


def test_from(root, name, entry):
    """The Test of one entry of suite.json."""
    return Test(name, root / "snippets" / f"{name}.c", root / "ref" / f"{name}.ref",
                entry["points"], entry["group"], entry.get("memory", ""),
                tuple(entry.get("needs", ())), entry.get("hidden", False),
                read_headers(root / "ref" / f"{name}.headers"))


def read_headers(path):
    """((number of events before, address of a header, "size", "status" or "errno", value), ...) of
    the headers that a program reads, from the file that header_reads.py wrote; () if there is no
    file. HarnessError if it is damaged."""
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
    """The Scheme of the suite in directory `root`. HarnessError if suite.json is wrong."""
    data = members.read(Path(root) / "suite.json")
    marks = data.get("marks", {})
    return Scheme(data.get("style", 10), data.get("partial", {}), data.get("groups", {}),
                  marks.get("by") == "cause", marks.get("cause", CAUSE_POINTS))


def select(tests, patterns):
    """The tests that match `patterns`, in suite order; all tests if there are no patterns."""
    names = set(expand([test.name for test in tests], patterns))
    return [test for test in tests if test.name in names or not patterns]


def expand(names, patterns):
    """The `names` that match a pattern, in their order.

    A pattern is a name with or without `test-` and `.c`, or a glob. HarnessError, with similar
    names, if a pattern matches nothing.
    """
    wanted = set()
    for pattern in patterns:
        found = [name for name in names if fnmatch.fnmatchcase(bare(name), bare(pattern))]
        if not found:
            raise HarnessError(unknown(names, pattern))
        wanted.update(found)
    return [name for name in names if name in wanted]


def bare(name):
    """`name` without directories, without `.c` or `.ref`, and without `test-` at its start."""
    return name.rsplit("/", 1)[-1].removesuffix(".c").removesuffix(".ref").removeprefix("test-")


def unknown(names, pattern):
    """The error message for a pattern that matches no name, with similar names."""
    stems = {bare(name): name for name in names}
    near = difflib.get_close_matches(bare(pattern), stems, n=3, cutoff=0.5)
    near += [stem for stem in stems if bare(pattern) in stem and stem not in near][:3]
    advice = f"did you mean {', '.join(stems[stem] for stem in near)}?" if near else \
        "--list shows all names"
    return f"no test is called '{pattern}'; {advice}"


def read_references(tests):
    """{name of a test: its expected events}. HarnessError if a reference is missing or damaged."""
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
