# SPDX-License-Identifier: BSD-3-Clause
"""The contract's rules as sentences, read from docs/contract.md, the one place where they stand.

Which rules a program is about is read from docs/rules.md.
"""

import re
from functools import lru_cache
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"
CONTRACT = DOCS / "contract.md"
TABLE = DOCS / "rules.md"
_ROW = re.compile(r"^\| ([A-Z]\d+) \| `([^`]+)` \|", re.MULTILINE)
_RULE = re.compile(r"- \*\*([A-Z]\d+)\*\* (.*)")


def plain(markdown):
    """Markdown of one paragraph without its marks: `code`, *emphasis*, **strong**, [links](to)."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", markdown)
    return "".join(_plain_piece(piece) for piece in re.split(r"(`[^`]*`)", text))


def _plain_piece(piece):
    """Inside backquotes a star is a star; elsewhere it is emphasis when it hugs a word."""
    if piece.startswith("`") and len(piece) > 1:
        return piece[1:-1]
    return re.sub(r"(\*{1,2})(\S(?:.*?\S)?)\1", r"\2", piece)


def parse(markdown):
    """Rules of a document, number -> plain sentences on one line.

    A rule is a list item `- **W1** text` and reaches to the next list item, blank line or heading.
    Raises ValueError when a number stands twice.
    """
    found = {}
    number = None
    for line in markdown.splitlines():
        match = _RULE.match(line)
        if match:
            number = match[1]
            if number in found:
                raise ValueError(f"rule {number} stands twice in the contract")
            found[number] = [match[2]]
        elif number and line.startswith("  ") and line.strip():
            found[number].append(line.strip())
        else:
            number = None
    return {number: plain(" ".join(lines)) for number, lines in found.items()}


@lru_cache(maxsize=None)
def _contract():
    return parse(CONTRACT.read_text(encoding="utf-8"))


def all_rules():
    """Every rule of the contract, number -> plain sentences, in the contract's order."""
    return dict(_contract())


def text(number):
    """The plain sentences of one rule; KeyError if the contract has no such rule."""
    try:
        return _contract()[number]
    except KeyError:
        raise KeyError(f"no rule {number} in {CONTRACT.name}; it has "
                       f"{' '.join(_contract())}") from None


def first_sentence(number):
    """The first sentence of one rule, which says what it is about."""
    return re.match(r".*?\.(?= |$)", text(number))[0]


def of_program(name):
    """Numbers of the rules that a program of this tree's suite is about, [] for other programs."""
    return [number for number, listed in _rows() if listed == name]


@lru_cache(maxsize=None)
def _rows():
    return _ROW.findall(TABLE.read_text(encoding="utf-8"))
