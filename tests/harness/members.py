# SPDX-License-Identifier: BSD-3-Clause
"""What may stand in suite.json: the members, their kinds and bounds, the names that they refer to.

docs/grading.md describes the members. Everything that is wrong is a HarnessError of one line:
which file, which member, what is allowed there.
"""

import json
import re

from .build import HarnessError

MOST_POINTS = 10 ** 6       # of one test or one group
EXTRA_GROUPS = ("seeds", "faults")      # groups of tests that checker/grade makes itself
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")     # of a test: also of its files


class Wrong(Exception):
    """Something in a suite.json makes no sense: str(e) says what and what is allowed."""


# ---- values: a check takes a value, and fails with Wrong if it is none of its kind ------------

def whole(most):
    """A whole number from 0 to `most`."""
    def check(value):
        if type(value) is not int or not 0 <= value <= most:
            raise Wrong(f"is {shown(value)}, not a whole number from 0 to {most}")
    return check


def share(value):
    """A number from 0 to 1."""
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise Wrong(f"is {shown(value)}, not a number from 0 to 1")


def text(value):
    """A string."""
    if not isinstance(value, str):
        raise Wrong(f"is {shown(value)}, not a text in quotes")


def truth(value):
    """true or false."""
    if not isinstance(value, bool):
        raise Wrong(f"is {shown(value)}, not true or false")


def one_of(*words):
    """One of some words."""
    def check(value):
        if value not in words:
            raise Wrong(f"is {shown(value)}, not one of {', '.join(map(shown, words))}")
    return check


def list_of(check):
    """A list in which everything passes another check."""
    def check_all(value):
        if not isinstance(value, list):
            raise Wrong(f"is {shown(value)}, not a list in brackets")
        for number, inner in enumerate(value, 1):
            inside(f"entry {number}", check, inner)
    return check_all


def anything(_value):
    """What nobody reads."""


def members(known, needed=()):
    """An object with some of the members `known` {name: check} and all of `needed`."""
    def check(value):
        if not isinstance(value, dict):
            raise Wrong(f"is {shown(value)}, not an object in braces")
        for name, inner in value.items():
            if name not in known:
                raise Wrong(f"has an unknown member {shown(name)}; there are {', '.join(known)}")
            inside(name, known[name], inner)
        for name in needed:
            if name not in value:
                raise Wrong(f"has no member {name}")
    return check


def inside(name, check, value):
    """Check a value; what is wrong with it is said with its name."""
    try:
        check(value)
    except Wrong as error:
        joint = "" if str(error).startswith(("is ", "has ")) else ": "
        raise Wrong(f"{name}{joint or ' '}{error}") from None


def shown(value):
    """A value as suite.json has it, cut when it is long."""
    made = json.dumps(value)
    return made if len(made) < 60 else made[:56] + " ..."


POINTS = whole(MOST_POINTS)
COMMON = {"needs": list_of(text), "hidden": truth}
TEST = members({"points": POINTS, "group": text, "memory": text, **COMMON}, ("points", "group"))
GROUP = members(COMMON)
EXTRA_GROUP = members({**COMMON, "points": POINTS})


def suite_members(data):
    """The check for a whole suite: members whose names depend on the suite are looked up in it."""
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
    """The object in a course's suite.json, all of it checked. HarnessError if it makes no sense."""
    def check(data):
        suite_members(data)(data)
        check_names(data["tests"])
        check_needs(data["tests"], data.get("groups", {}))
    return load(path, check)


def load(path, check):
    """The object in a suite.json, after check(object). HarnessError if it makes no sense."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=no_number,
                          object_pairs_hook=no_twice)
        check(data)
    except OSError as error:
        raise HarnessError(f"cannot read {path}: {error.strerror}; "
                           "name a directory with suite.json, snippets/ and ref/") from error
    except (Wrong, ValueError, RecursionError) as error:
        said = str(error).replace("\n", " ")
        raise HarnessError(f"{path} is no suite: {said}; "
                           "correct it (docs/grading.md) or restore it") from error
    return data


def no_number(name):
    """Called by json for NaN and the like."""
    raise Wrong(f"{name} is no number")


def no_twice(pairs):
    """Called by json for an object: a dict; the second member of a name would replace the first."""
    made = dict(pairs)
    if len(made) < len(pairs):
        seen = [name for name, _ in pairs]
        raise Wrong(f"it has {shown(max(seen, key=seen.count))} twice")
    return made


def check_file_names(tests):
    """Names of tests become names of files."""
    if not tests:
        raise Wrong("it names no test")
    for name in tests:
        if not NAME.fullmatch(name):
            raise Wrong(f"{shown(name)} is no name for a test: letters, digits, and _ . + - inside")


def check_names(tests):
    """Names are fit for files, groups are not those that the grader makes, something has points."""
    check_file_names(tests)
    for name, test in tests.items():
        if test["group"] in ("", "style", *EXTRA_GROUPS):
            raise Wrong(f"{name}: {shown(test['group'])} is no name for a group of programs")
    if not any(test["points"] for test in tests.values()):
        raise Wrong("no test has points")


def check_needs(tests, groups):
    """Whatever a test needs is a test, and never the test itself in the end."""
    def group_needs(name):
        return groups.get(name, {}).get("needs", [])

    needs = {name: [*group_needs(test["group"]), *test.get("needs", [])]
             for name, test in tests.items()}
    for name in [*needs, *groups]:
        for need in needs.get(name, []) + group_needs(name):
            if need not in tests:
                raise Wrong(f"{name} needs {shown(need)}, which is no test")
    decided = set()
    while len(decided) < len(needs):
        ready = [name for name in needs if name not in decided and decided.issuperset(needs[name])]
        if not ready:
            name = next(name for name in needs if name not in decided)
            raise Wrong(f"{name} needs itself in the end: tests need each other in a circle")
        decided.update(ready)
