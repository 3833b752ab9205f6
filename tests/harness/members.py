# SPDX-License-Identifier: BSD-3-Clause
"""Check the members of suite.json: their types, their bounds and the names that they refer to.

docs/grading.md describes the members. Each error is a HarnessError of one line that names the file,
the member and what is allowed there.
"""

import json
import re

from .build import HarnessError

MOST_POINTS = 10 ** 6       # of one test or one group
EXTRA_GROUPS = ("seeds", "faults")      # groups of tests that checker/grade generates
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")     # of a test and its files


class Wrong(Exception):
    """Something in a suite.json is wrong. str(e) says what, and what is allowed."""


# ---- values: a check takes a value and raises Wrong if it has the wrong type or range ---------

def whole(most):
    """A check for a whole number from 0 to `most`."""
    def check(value):
        if type(value) is not int or not 0 <= value <= most:
            raise Wrong(f"is {shown(value)}, not a whole number from 0 to {most}")
    return check


def share(value):
    """Check for a number from 0 to 1."""
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise Wrong(f"is {shown(value)}, not a number from 0 to 1")


def text(value):
    """Check for a string."""
    if not isinstance(value, str):
        raise Wrong(f"is {shown(value)}, not a string in quotes")


def truth(value):
    """Check for true or false."""
    if not isinstance(value, bool):
        raise Wrong(f"is {shown(value)}, not true or false")


def one_of(*words):
    """A check for one of these words."""
    def check(value):
        if value not in words:
            raise Wrong(f"is {shown(value)}, not one of {', '.join(map(shown, words))}")
    return check


def list_of(check):
    """A check for a list whose entries all pass another check."""
    def check_all(value):
        if not isinstance(value, list):
            raise Wrong(f"is {shown(value)}, not a list in brackets")
        for number, inner in enumerate(value, 1):
            inside(f"entry {number}", check, inner)
    return check_all


def anything(_value):
    """Accept any value, for members that nobody reads."""


def members(known, needed=()):
    """A check for an object with all members `needed` and no others than `known` {name: check}."""
    def check(value):
        if not isinstance(value, dict):
            raise Wrong(f"is {shown(value)}, not an object in braces")
        for name, inner in value.items():
            if name not in known:
                raise Wrong(f"has an unknown member {shown(name)}; known are {', '.join(known)}")
            inside(name, known[name], inner)
        for name in needed:
            if name not in value:
                raise Wrong(f"has no member {name}")
    return check


def inside(name, check, value):
    """Check the value of the member `name`; Wrong then starts with the name."""
    try:
        check(value)
    except Wrong as error:
        joint = "" if str(error).startswith(("is ", "has ")) else ": "
        raise Wrong(f"{name}{joint or ' '}{error}") from None


def shown(value):
    """A value in the syntax of suite.json, cut if it is long."""
    made = json.dumps(value)
    return made if len(made) < 60 else made[:56] + " ..."


POINTS = whole(MOST_POINTS)
COMMON = {"needs": list_of(text), "hidden": truth}
TEST = members({"points": POINTS, "group": text, "memory": text, **COMMON}, ("points", "group"))
GROUP = members(COMMON)
EXTRA_GROUP = members({**COMMON, "points": POINTS})


def suite_members(data):
    """The check for a whole suite; `data` supplies the names of its tests and groups."""
    tests = data.get("tests") if isinstance(data, dict) else None
    tests = tests if isinstance(tests, dict) else {}
    groups = {test.get("group") for test in tests.values() if isinstance(test, dict)}
    of_groups = {name: GROUP for name in sorted(filter(is_text, groups))}
    return members({
        "comment": anything,
        "style": whole(99),
        "partial": members({"results": share, "sound": share}),
        "marks": members({"by": one_of("program", "cause"), "cause": POINTS}),
        "groups": members({**of_groups, **dict.fromkeys(EXTRA_GROUPS, EXTRA_GROUP)}),
        "tests": members(dict.fromkeys(tests, TEST)),
    }, needed=("tests",))


def is_text(value):
    """Whether a value is a string."""
    return isinstance(value, str)


# ---- the whole file ---------------------------------------------------------------------------

def read(path):
    """The checked object in a course's suite.json. HarnessError if something is wrong."""
    def check(data):
        suite_members(data)(data)
        check_names(data["tests"])
        check_needs(data["tests"], data.get("groups", {}))
    return load(path, check)


def load(path, check):
    """The object in a suite.json after check(object). HarnessError if something is wrong."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=no_number,
                          object_pairs_hook=no_twice)
        check(data)
    except OSError as error:
        raise HarnessError(f"cannot read {path}: {error.strerror}; "
                           "name a directory with suite.json, snippets/ and ref/") from error
    except (Wrong, ValueError, RecursionError) as error:
        said = str(error).replace("\n", " ")
        raise HarnessError(f"{path} is not a valid suite: {said}; "
                           "correct it (docs/grading.md) or restore it") from error
    return data


def no_number(name):
    """json calls this for NaN and infinities."""
    raise Wrong(f"{name} is not a number")


def no_twice(pairs):
    """json calls this for each object: the dict of its members. Wrong if a name is there twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        seen = [name for name, _ in pairs]
        raise Wrong(f"it has {shown(max(seen, key=seen.count))} twice")
    return made


def check_file_names(tests):
    """Check that the names of tests can be names of files."""
    if not tests:
        raise Wrong("it names no test")
    for name in tests:
        if not NAME.fullmatch(name):
            raise Wrong(f"{shown(name)} is not a valid name for a test: use letters, digits and _, "
                        "and . + - after the first character")


def check_names(tests):
    """Check the names of tests, that no group has a name that the grader uses, and that a test has
    points."""
    check_file_names(tests)
    for name, test in tests.items():
        if test["group"] in ("", "style", *EXTRA_GROUPS):
            raise Wrong(f"{name}: {shown(test['group'])} cannot name a group of programs")
    if not any(test["points"] for test in tests.values()):
        raise Wrong("no test has points")


def check_needs(tests, groups):
    """Check that all needs are tests and form no cycle."""
    def group_needs(name):
        return groups.get(name, {}).get("needs", [])

    needs = {name: [*group_needs(test["group"]), *test.get("needs", [])]
             for name, test in tests.items()}
    for name in [*needs, *groups]:
        for need in needs.get(name, []) + group_needs(name):
            if need not in tests:
                raise Wrong(f"{name} needs {shown(need)}, which is not a test")
    decided = set()
    while len(decided) < len(needs):
        ready = [name for name in needs if name not in decided and decided.issuperset(needs[name])]
        if not ready:
            name = next(name for name in needs if name not in decided)
            raise Wrong(f"{name} needs itself: the needs of tests form a cycle")
        decided.update(ready)
