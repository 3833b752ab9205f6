# SPDX-License-Identifier: BSD-3-Clause
"""docs/contract.md is complete, rules.py can read it, and its examples are true."""

import re

import pytest

from tests.harness.spec import rules
from tests.harness.spec.model import ALLOC, FREE, Model
from tests.harness.spec.symbols import step_text
from tests.model_scenes import MAP1

NUMBERS = ("G1 G2 G3 G4 G5 G6 W1 W2 W3 W4 W5 F1 F2 F3 H1 H2 H3 H4 H5 H6 S1 S2 S3 R1 R2 "
           "X1 X2 X3 X4 X5 X6 X7 X8 X9 M1 M2 Y1 Y2 B1 B2 B3 B4").split()


def section(title):
    """The text of one `## title` section of the contract."""
    document = rules.CONTRACT.read_text(encoding="utf-8")
    return document.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_contract_has_every_rule_once_and_in_order():
    assert list(rules.all_rules()) == NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_a_rule_is_plain_sentences_on_one_line(number):
    sentence = rules.text(number)
    assert sentence == rules.all_rules()[number]
    assert sentence.endswith(".") and len(sentence) > 20
    assert "\n" not in sentence and "`" not in sentence and "**" not in sentence


def test_every_number_that_a_rule_quotes_exists():
    document = rules.CONTRACT.read_text(encoding="utf-8")
    quoted = set(re.findall(r"\b[GWFHSRXMYB]\d\b", document)) - {"F1", "F2"}
    assert quoted <= set(NUMBERS)


def test_the_rules_of_a_step_are_in_the_contract():
    model = Model()
    step = model.malloc(1000)
    assert [rules.text(number) for number in step.rules]


def test_an_unknown_number_says_what_there_is():
    with pytest.raises(KeyError, match="no rule Z9 in contract.md; it has G1 G2"):
        rules.text("Z9")


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_sentence_begins_the_rule(number):
    sentence = rules.first_sentence(number)
    assert rules.text(number).startswith(sentence)
    assert sentence.endswith(".") and len(sentence) > 20


def test_the_rules_of_a_program_are_those_of_the_table():
    assert rules.of_program("test-malloc-slack-remainder-32") == ["G5", "S1", "S2"]
    assert rules.of_program("test-own") == []


def test_parse_ends_a_rule_at_the_next_one_a_blank_line_or_other_text():
    document = "\n".join([
        "- **A1** one `code` of", "  two *words*.", "- **A2** next.", "not part of it", "",
        "- **A3** `a * b * c` and **strong**, 2 * 3 * 4, [a link](there.md).", "",
        "  indented, but after a blank line", "- **no rule** at all"])
    assert rules.parse(document) == {
        "A1": "one code of two words.", "A2": "next.",
        "A3": "a * b * c and strong, 2 * 3 * 4, a link."}


def test_parse_refuses_a_number_that_stands_twice():
    with pytest.raises(ValueError, match="A1 stands twice"):
        rules.parse("- **A1** one.\n- **A1** other.\n")


# ---- the document's examples -----------------------------------------------------------------

EXAMPLE = [
    ("a", "malloc", 1000), ("b", "calloc", 10, 20), ("c", "malloc", 5), ("d", "malloc", 131072),
    ("", "free", "b"), ("e", "malloc", 180), ("c", "realloc", "c", 100), ("", "free", "d"),
    ("f", "malloc", 130000), ("f", "realloc", "f", 131032)]


def play_example(model):
    """Make the calls of the worked example; yields each call's names and its Step."""
    variables = {}
    for target, name, *args in EXAMPLE:
        values = [variables[arg] if isinstance(arg, str) else arg for arg in args]
        step = model.step("os_" + name, tuple(values))
        variables[target] = step.result
        prefix = f"{target} = " if target else ""
        yield f"{prefix}os_{name}({', '.join(map(str, args))})", step


def test_the_worked_example_is_what_the_model_does():
    block = section("A worked example").split("```")[1].strip("\n")
    events = re.split(r"\n(?=\S)", block)
    played = list(play_example(Model()))
    assert len(events) == len(played)
    for event, (call, step) in zip(events, played):
        head, *body = event.splitlines()
        written, quoted = re.split(r"\s{3,}", head)
        assert written == call
        assert [re.split(r"\s{3,}", line.strip())[0] for line in body] == [
            line.strip() for line in step_text(step)[1:]]
        missing = set(step.rules) - set(quoted.split())
        assert not missing


def test_the_worked_example_ends_with_the_heap_that_is_drawn():
    model = Model()
    assert len(list(play_example(model))) == len(EXAMPLE)
    drawn = section("A worked example").split("```")[3]
    offsets = [int(text, 16) for text in re.findall(r"0x[0-9a-f]+", drawn)]
    sizes = [int(text) for text in re.findall(r": (\d+)", drawn)]
    assert offsets == [block.addr for block in model.heap] + [model.brk]
    assert sizes == [block.size for block in model.heap]


def merging_scene():
    """B, C, D and E of the contract's example, C and D freed; (model, payloads)."""
    model = Model()
    payloads = [model.malloc(n).result for n in (64, 104, 64, 8)]
    model.free(payloads[1])
    model.free(payloads[2])
    return model, payloads


def test_the_example_about_merging_is_what_happens():
    text = section("When merging happens matters")
    model, (b, f1, f2, g) = merging_scene()
    assert re.findall(r"0x[0-9a-f]+", text.split("```")[1].splitlines()[1]) == [
        f"{p - 32:#x}" for p in (b, f1, f2, g)]
    model.realloc(b, 180)
    late = model.malloc(64).result
    model, (b, f1, f2, g) = merging_scene()
    model.malloc(2000)      # a search between the frees and the realloc merges them
    model.realloc(b, 180)
    early = model.malloc(64).result
    assert f"D's old place: HeapStart + {late:#x}" in text and late == f2
    assert f"returns HeapStart + {early:#x}: {late - early} bytes too low" in text


def test_the_words_of_misuse_reports_are_those_of_the_model():
    model = Model()
    model.malloc(8)
    model.malloc(8)
    model.free(0x20)
    assert (model.heap[0].status, model.heap[1].status) == (FREE, ALLOC)
    said = [model.free(p).misuse for p in (0x20, 0x49, MAP1)]
    written = re.findall(r"`osmem: os_\w+\(\): (.*) 0x\.\.\.`", section("Beyond the traces"))
    assert written == said + ["overwritten header"]
