# SPDX-License-Identifier: BSD-3-Clause
"""The mutants of tests/mutants.txt fit the source, and the wrong designs by name are noticed.

`make mutants` tries all of them, which takes long; docs/mutants.md has what came out.
"""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from tests import mutate
from tests.conftest import ROOT
from tests.harness.spec import rules

MUTANTS = mutate.read_table(mutate.TABLE.read_text())
NAMED = {mutant.name: mutant for mutant in MUTANTS}
ROW = re.compile(r"^\| ([a-z0-9-]+) \| ([A-Z0-9 ]+) \| .* \| (.+) \| (.+) \| (.+) \|$", re.M)
SAMPLE = """# how it is written

[one] W1 W2
does something wrong
a.c:
- first();
- second( x )
+ third();
b.h:
- #define N 1
+ #define N 2
+ #define M 3

[two] X7
does nothing
a.c:
- first();
+
"""
SOURCES = {"a.c": "\tfirst();\n\t\tsecond( x );\n", "b.h": "#define N\t1\n"}

# Wrong designs that look right, and a traced program that detects each.
WRONG_DESIGNS = {
    "merge-on-free": "test-realloc-absorbs-one-at-a-time",
    "absorb-whole-run": "test-realloc-absorbs-one-at-a-time",
    "links-in-payload": "test-free-keeps-payload",
}


# ---- the table and the source ---------------------------------------------------------------

def test_names_are_unique():
    assert len(NAMED) == len(MUTANTS)


def test_every_rule_is_broken_by_a_mutant():
    broken = {rule for mutant in MUTANTS for rule in mutant.rules}
    assert broken == set(rules.all_rules())


def compiles(mutant):
    """The mutant's name and the compiler's errors in its changed sources."""
    changed = mutate.apply(mutant, lambda name: (ROOT / "src" / name).read_text())
    complaints = ""
    for name, text in changed.items():
        done = subprocess.run(["gcc", "-std=gnu11", "-Werror=implicit-function-declaration",
                               "-fsyntax-only", f"-I{ROOT / 'src'}", f"-I{ROOT / 'utils'}",
                               "-x", "c", "-"], input=text, text=True, capture_output=True,
                              check=False)
        complaints += done.stderr if done.returncode else ""
        assert text != (ROOT / "src" / name).read_text()
    return mutant.name, complaints


def test_every_mutant_applies_and_compiles():
    with ThreadPoolExecutor() as pool:
        complaints = dict(pool.map(compiles, MUTANTS))
    assert set(complaints) == set(NAMED)
    assert {name: text for name, text in complaints.items() if text} == {}


def test_the_document_shows_every_mutant_killed():
    text = (ROOT / "docs/mutants.md").read_text()
    rows = {row[0]: row for row in ROW.findall(text)}
    assert {name: row[1] for name, row in rows.items()} == \
        {mutant.name: " ".join(mutant.rules) for mutant in MUTANTS}
    assert [name for name, row in rows.items() if not "".join(row[2:]).strip("- ")] == []
    assert "SURVIVED" not in text and "NOT TRIED" not in text


# ---- mutants that are built -----------------------------------------------------------------

@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree to make mistakes in."""
    place = tmp_path_factory.mktemp("mutants")
    for part in (place, *place.parents[:2]):
        part.chmod(0o755)       # programs are traced as another user
    return mutate.Tree(place)


def traced(tree, *programs):
    """A killer: these traced programs."""
    return mutate.Command(tree, "traced programs", ["tests/run_tests.py", *programs],
                          mutate.TRACED_FAILURE)


@pytest.mark.parametrize("name, program", WRONG_DESIGNS.items())
def test_a_wrong_design_is_noticed_by_a_traced_program(tree, name, program):
    verdict = mutate.judge(NAMED[name], tree, [[traced(tree, program)]])
    assert verdict.killers == {"traced programs": f"`{program}`"}


def test_wrong_designs_are_noticed_by_a_few_sequences(tree):
    killer = mutate.Sequences(tree, 40)
    found = {name: mutate.judge(NAMED[name], tree, [[killer]]).killers for name in WRONG_DESIGNS}
    assert all("random sequences" in killers for killers in found.values())


def test_no_mutant_is_left_behind(tree):
    """What the tests above did to the tree is undone: nothing fails there."""
    mutate.expect_peace(tree, [[mutate.Sequences(tree, 40)],
                               [traced(tree, *set(WRONG_DESIGNS.values()))]])


def test_a_change_that_nobody_can_notice_survives(tree):
    harmless = mutate.Mutant("harmless", ["G1"], "does nothing wrong",
                             [("os.c", "return brk(NULL) == 0;", "return !brk(NULL);")])
    verdict = mutate.judge(harmless, tree, [[mutate.Sequences(tree, 40)]])
    assert (verdict.killers, verdict.fault) == ({}, "")
    assert mutate.fate(verdict) == "SURVIVED"
    assert "0 killed" in mutate.summary([verdict])


REPEATED = "errno = ENOMEM;"


@pytest.mark.parametrize("old, new, why", [
    ("no such text", "", "os.c has 0 times: no such text"),
    (REPEATED, "", f"os.c has {(ROOT / 'src/os.c').read_text().count(REPEATED)} times: {REPEATED}"),
    ("return brk(NULL) == 0;", "return nonsense;", "does not build: os.c"),
])
def test_a_mutant_that_does_not_fit_is_reported(tree, old, new, why):
    verdict = mutate.judge(mutate.Mutant("unfit", ["G1"], "", [("os.c", old, new)]), tree, [])
    assert verdict.fault.startswith(why)
    assert mutate.fate(verdict).startswith("NOT TRIED: ")


# ---- reading and reporting ------------------------------------------------------------------

def test_entries_are_read():
    one, two = mutate.read_table(SAMPLE)
    assert one.name == "one" and one.rules == ["W1", "W2"] and one.what == "does something wrong"
    assert one.edits == [("a.c", "first();\nsecond( x )", "third();"),
                         ("b.h", "#define N 1", "#define N 2\n#define M 3")]
    assert two.edits == [("a.c", "first();", "")]


def test_white_space_does_not_matter_when_a_mutant_is_applied():
    one, two = mutate.read_table(SAMPLE)
    assert mutate.apply(one, SOURCES.get) == {"a.c": "\tthird();;\n",
                                              "b.h": "#define N 2\n#define M 3\n"}
    assert mutate.apply(two, SOURCES.get) == {"a.c": "\t\n\t\tsecond( x );\n"}


@pytest.mark.parametrize("text", ["[x]\nwhat\na.c:\n- a\n+ b", "[x] G1\nwhat", "x\ny\nz\n- a\n+ b",
                                  "[x] G1\nwhat\na.c:\n- a\n* b"])
def test_an_entry_that_cannot_be_read_is_named(text):
    with pytest.raises(mutate.MutateError, match="mutants.txt: "):
        mutate.read_table(text)


def verdicts():
    """One of each kind."""
    one, two = mutate.read_table(SAMPLE)
    three = two._replace(name="three")
    return [mutate.Verdict(one, {"random sequences": "`m 1`", "traced programs": "`test-a`"}),
            mutate.Verdict(two, {"stress": "`test_stress[x]`"}),
            mutate.Verdict(three, {})]


def test_the_table_has_a_row_for_each():
    assert mutate.markdown(verdicts()).splitlines()[-3:] == [
        "| one | W1 W2 | does something wrong | `m 1` | `test-a` | - |",
        "| two | X7 | does nothing | - | - | `test_stress[x]` |",
        "| three | X7 | does nothing | - | - | SURVIVED |"]
    assert mutate.summary(verdicts()) == ("3 mutants, 2 killed: 1 by random sequences, "
                                          "1 by traced programs, 1 by stress")


@pytest.fixture
def fixed(monkeypatch):
    """mutate.run() does not run anything."""
    def fix(outcome):
        monkeypatch.setattr(mutate, "run", lambda mutants, count: outcome)
    return fix


@pytest.mark.parametrize("count, status", [(2, 0), (3, 1)])
def test_the_exit_status_tells_whether_one_survived(fixed, tmp_path, count, status):
    fixed(verdicts()[:count])
    target = tmp_path / "mutants.md"
    assert mutate.main(["--markdown", str(target)]) == status
    assert target.read_text() == mutate.markdown(verdicts()[:count])


def test_mutants_are_chosen_by_name_and_pattern(capsys):
    assert mutate.main(["--list", "lock-*", "canary"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [name for name in NAMED if name == "canary" or name.startswith("lock-")]
    assert len(listed) > 2


def test_a_name_that_nothing_has_is_refused(capsys):
    assert mutate.main(["no-such-mutant"]) == 2
    assert "there is no mutant no-such-mutant" in capsys.readouterr().err


def test_a_command_without_a_failed_test_is_no_kill():
    broken = mutate.Command(SimpleNamespace(root=ROOT), "nothing", ["-c", "raise SystemExit(1)"],
                            "^never$")
    with pytest.raises(mutate.MutateError, match="nothing could not run"):
        broken.kill()
