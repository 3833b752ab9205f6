# SPDX-License-Identifier: BSD-3-Clause
"""The suite's data are consistent and agree with the contract.

The programs, suite.json, the references and docs/rules.md name the same tests. The model produces
the committed references. Every rule from G to Y has a program that notices if it is broken.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness import build
from tests.harness.feedback import suspects
from tests.harness.spec import oracle, rules, symbols
from tests.harness.build import HarnessError
from tests.harness.spec.mistakes import MISTAKES
from tests.harness.spec.model import Model

TESTS = Path(__file__).resolve().parent
SUITE = json.loads((TESTS / "suite.json").read_text(encoding="utf-8"))
NAMES = oracle.snippet_names()
ROW = re.compile(r"\| ([A-Z]\d+) \| `(test-[a-z0-9-]+)` \| (\S.*) \|")
TABLE = [match.groups() for match in ROW.finditer(
    (TESTS.parent / "docs" / "rules.md").read_text(encoding="utf-8"))]

# The rules that show as an event of their own and that the model therefore reports for a step; the
# others describe all blocks or forbid something.
REPORTED = set("W1 W2 W4 W5 F1 H1 H2 H3 H4 H6 S1 S2 R1 R2 X1 X2 X3 X4 X5 X6 X7 X8 X9 M1".split())


@pytest.fixture(scope="module")
def recorded():
    """Every snippet run on the oracle: name -> (steps, exit status, stderr)."""
    return oracle.record_all(NAMES)


def programs_for(rule):
    """The programs that docs/rules.md lists for a rule."""
    return [name for number, name, _ in TABLE if number == rule]


def reports(steps, rule):
    """Whether the model applied a rule in one of the steps."""
    return any(rule in step.rules for step in steps)


def notices(steps, mistake):
    """Whether a program's trace differs under an allocator with this mistake."""
    wrong = mistake()
    return any(symbols.step_text(wrong.step(step.name, step.args)) != symbols.step_text(step)
               for step in steps)

# ---- the parts name each other ----------------------------------------------------------------


def test_suite_snippets_and_references_are_the_same_set():
    assert sorted(SUITE["tests"]) == NAMES
    assert sorted(path.stem for path in oracle.REFERENCES.glob("*.ref")) == NAMES


def test_the_suite_is_large_enough_and_sums_to_90():
    points = [entry["points"] for entry in SUITE["tests"].values()]
    assert len(points) >= 60
    assert min(points) >= 1
    assert sum(points) == 90
    assert SUITE["style"] == 10


@pytest.mark.parametrize("name", NAMES)
def test_names_follow_the_pattern_and_the_group(name):
    group = name.split("-")[1]
    assert group in ("malloc", "calloc", "realloc", "free", "mixed")
    assert SUITE["tests"][name]["group"] == group


def test_groups_come_one_after_the_other():
    groups = [entry["group"] for entry in SUITE["tests"].values()]
    assert groups == sorted(groups, key=["malloc", "calloc", "realloc", "free", "mixed"].index)


# ---- the table of rules -----------------------------------------------------------------------

@pytest.mark.parametrize("rule", [rule for rule in rules.all_rules() if rule[0] != "B"])
def test_every_rule_has_a_program(rule):
    assert programs_for(rule), f"{rule} has no program in docs/rules.md"


def test_the_table_names_only_rules_and_programs_that_exist():
    rows = (TESTS.parent / "docs" / "rules.md").read_text(encoding="utf-8").count("\n| ")
    assert len(TABLE) == rows - 1, "a row of docs/rules.md cannot be read"
    assert {rule for rule, _, _ in TABLE} <= set(rules.all_rules())
    assert {name for _, name, _ in TABLE} == set(NAMES)
    assert len({(rule, name) for rule, name, _ in TABLE}) == len(TABLE)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_says_in_its_comment_which_rules_it_is_about(name):
    source = (oracle.SNIPPETS / f"{name}.c").read_text(encoding="utf-8")
    comment = source.split("*/")[0]
    quoted = set(re.findall(r"\b[GWFHSRXMY]\d\b", comment))
    assert quoted & {rule for rule, listed, _ in TABLE if listed == name}


@pytest.mark.parametrize("rule, name", [row[:2] for row in TABLE if row[0] in REPORTED])
def test_a_program_applies_the_rules_it_is_listed_for(recorded, rule, name):
    assert reports(recorded[name][0], rule), f"{name} never comes to {rule}"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_breaking_a_rule_is_noticed_by_a_program_listed_for_it(recorded, mistake):
    assert any(notices(recorded[name][0], mistake) for name in programs_for(mistake.rule)), \
        f"no program for {mistake.rule} notices an allocator that {mistake.__doc__}"


# ---- programs and references ------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_the_committed_reference_is_what_the_model_says(recorded, name):
    text = (oracle.REFERENCES / f"{name}.ref").read_text(encoding="utf-8")
    assert text == oracle.reference_text(name, recorded[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_program_frees_everything_or_says_why_not(recorded, name):
    model = Model()
    for step in recorded[name][0]:
        model.step(step.name, step.args)
    live = [block for block in [*model.heap, *model.maps.values()] if block.status]
    assert not live or SUITE["tests"][name].get("memory"), f"{name} leaves blocks behind"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_programs_compile_without_warnings(compiler):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    sources = sorted(map(str, oracle.SNIPPETS.glob("*.c")))
    done = subprocess.run([compiler, "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-fsyntax-only",
                           "-I", str(build.UTILS), *sources],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reference_can_be_read_back(recorded):
    for steps, status, _ in recorded.values():
        events = symbols.parse_reference(symbols.reference(steps, status))
        assert events == [symbols.step_text(step) for step in steps] + [("exit(0)",)]


@pytest.mark.parametrize("text", ["  = NULL\nexit(0)\n", "exit(0)", "\nexit(0)\n"])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(ValueError):
        symbols.parse_reference(text)


# ---- programs see wrong contents, which no trace shows ----------------------------------------

@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    """The folder with the oracle's stand-in library."""
    place = tmp_path_factory.mktemp("stand-in")
    oracle.build_stand_in(place)
    return place


@pytest.mark.parametrize("tampered", suspects.CONTENTS, ids=lambda one: one.__name__)
def test_wrong_contents_fail_a_program_listed_for_the_rule(stand_in, tampered):
    programs = [build.build_program(oracle.SNIPPETS / f"{name}.c", stand_in)
                for name in programs_for(tampered.rule)]
    said = [oracle.run(program, stand_in, tampered)[2] for program in programs]
    assert re.search(r"(?m)^test-[a-z0-9-]+\.c:\d+: \S", "".join(said))


# ---- the oracle refuses what would make a wrong reference --------------------------------------

WRONG_PROGRAMS = {
    "its own check fails": ('CHECK(os_malloc(1) == NULL, "one byte is too much");',
                            "wrong.c:4: one byte is too much"),
    "it is misuse": ("void *p = xmalloc(8); xfree(p); os_free(p);", "misuse"),
    "the pointer is nobody's": ("int i = 0; os_free(&i);", "no call returned"),
    "it moves the break itself": ("sbrk(0);", "sbrk"),
    "it prints through a buffer": ('__builtin_printf("%d", 1 + !os_malloc(0));', "printf"),
    "it fails": ("os_free(NULL); return 3;", "exit(3)"),
    "it never calls the library": ("", "no os_* function"),
    "it does not compile": ("return nothing;", "nothing"),
}


@pytest.mark.parametrize("body, complaint", WRONG_PROGRAMS.values(), ids=WRONG_PROGRAMS)
def test_no_reference_is_made_when(tmp_path, body, complaint):
    source = tmp_path / "wrong.c"
    source.write_text(f'#include "{oracle.SNIPPETS / "snippet.h"}"\n'
                      f"int main(void)\n{{\n{body}\nreturn 0;\n}}\n")
    with pytest.raises(HarnessError, match=re.escape(complaint)):
        oracle.reference_text("wrong", oracle.record(source))


def test_a_program_that_hangs_gets_no_reference(tmp_path, monkeypatch):
    monkeypatch.setattr(oracle, "SILENCE", 0.3)
    source = tmp_path / "hangs.c"
    source.write_text('#include "osmem.h"\nint main(void) { os_free(0); for (;;) ; }\n')
    with pytest.raises(HarnessError, match="hangs hangs"):
        oracle.record(source)


def test_a_name_without_a_snippet_is_refused():
    with pytest.raises(HarnessError, match="test-no-such-thing"):
        oracle.update_references(["test-no-such-thing"])


def test_updating_references_changes_nothing_and_mends_a_damaged_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(oracle, "REFERENCES", tmp_path)
    name = NAMES[0]
    oracle.update_references([name])
    good = (tmp_path / f"{name}.ref").read_text(encoding="utf-8")
    assert good == (TESTS / "ref" / f"{name}.ref").read_text(encoding="utf-8")
    (tmp_path / f"{name}.ref").write_text("exit(0)\n", encoding="utf-8")
    oracle.update_references([name])
    oracle.update_references([name])
    assert (tmp_path / f"{name}.ref").read_text(encoding="utf-8") == good
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{name}.ref: new"
    assert lines[2] == f"{name}.ref: changed"
    assert lines[4] == "references: 1, changed: 0"


def test_recording_works_from_any_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps, status, stderr = oracle.record(oracle.SNIPPETS / "test-malloc-zero-size.c")
    assert [step.name for step in steps] == ["os_malloc", "os_malloc"]
    assert (status, stderr) == (0, "")
    assert not os.listdir(tmp_path)
