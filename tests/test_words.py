# SPDX-License-Identifier: BSD-3-Clause
"""The language of the repository: words that are not used, pages that say whom they are for, lines
of prose that are not too long."""

import re

import pytest

from checker import tree

ROOT = tree.ROOT
MOST_COLUMNS = 100

# Not used: a pattern of whole words, in comments, texts and names -> what to write instead.
BANNED = {
    r"doors?": "wrapper",
    r"seal(?:s|ed)?": "header checksum",
    r"vacant": "free bitmap",
    r"rest(?:ing|ed)": "quarantine",
    r"aside": "detached",
    r"mail(?:ed|box|boxes|s)?": "pending-free queue",
    r"news": "notification",
    r"carv(?:e|ed|es|ing)": "extend",
    r"stock(?:ed|s)?": "empty-slab cache",
    r"slot_mark|slot_was_marked|slot_is_marked": "free-list cookie",
    r"regrets?": "premature purge",
    r"eras?": "generation",
    r"idle heaps?": "abandoned heap, parked heap",
    r"tid(?:y|ied|ies|ying)": "collect",
    r"strangers?": "foreign caller of brk",
    r"twins?|trials?": "perturbed variant, generated test",
    r"floors?": "layers",
    r"sleepers": "idle threads",
    r"wants the lock": "lock must be held",
    r"so many as": "as many as",
    r"(?<!one )(?<!some )(?<!all )of which": "a relative clause",
    r"what is had|not to be|whoever": "a plain verb: must not be, anyone who",
    r"the beginning of what": "first",
    r"(?:gives?|given|gave|giving) back": "return, free, release",
    r"lies? about": "accumulate",
    r"(?:is|are) no more": "no longer exists",
    r"but for": "except, without",
    r"should (?:it|its|the|a|they|some|there|no)": "if",
}

# (file, what is found): the reason why it stays.
ALLOWED = {
    ("bench/plot.py", "floor"): "math.floor",
    ("tests/harness/generated/generated.py", "twin"): "part of a seed: every variant depends on it",
}

TEXT = tree.files("*.c", "*.h", "*.py", "*.sh", "*.md", "*.pml", "*.mk", "*.json", "Makefile",
                  "run")
JOIN = re.compile(r"\n[ \t]*(?:\*(?!/)|#|//)?[ \t]*")
READERS = re.compile(r"\bfor (?:all readers|students|course staff|people|users)\b")
# They name their readers in another way: the front page links a page for each; "you" is a student.
ADDRESSED = ("README.md", "handout/README.md")


def name(path):
    """A file's path from the top of the repository."""
    return path.relative_to(ROOT).as_posix()


def banned(text):
    """The banned words in a text, in lower case: [(what to write instead, word, text around it)]. A
    phrase may continue in the next line."""
    joined = JOIN.sub(" ", text).lower()
    return [(instead, found[0], joined[max(found.start() - 30, 0):found.end() + 30])
            for words, instead in BANNED.items()
            for found in re.finditer(rf"(?:{words})(?![a-z])", joined)
            if not joined[found.start() - 1:found.start()].isalpha()]


def prose(text):
    """The lines of a Markdown page that can be wrapped: not code, tables, pictures or headings."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return [line for line in text.split("\n") if not re.match(r"[|#]|!\[|<!--|\[.*\)$", line)]


def comments(text):
    """The lines of a script, a Makefile or C that hold nothing but a comment."""
    return re.findall(r"^[ \t]*(?:#|//|/?\*)(?!!).*$", text, re.M)


def first_paragraph(page):
    """The first paragraph of a page that is neither its title nor a remark for writers."""
    return next(part for part in re.split(r"\n\n|(?<=-->)\n|(?<=^# ).*\n", page)
                if not part.startswith(("#", "<!--")))


def test_banned_words():
    found = {path: [entry for entry in banned(path.read_text(encoding="utf-8"))
                    if (name(path), entry[1]) not in ALLOWED]
             for path in TEXT if path.name != "test_words.py"}
    assert {name(path): [around for _, _, around in entries] for path, entries in found.items()
            if entries} == {}


@pytest.mark.parametrize("text, found", [
    ("the block goes into\n * the mailbox", ["mailbox"]), ("heap_mail(heap)", ["mail"]),
    ("So many as\n# fit", ["so many as"]), ("one of which, two of which", ["of which"]),
    ("email, tailored, restless, operas, a trialled", []), ("Doors", ["doors"]),
    ("it is given\nback", ["given back"]), ("whoever frees", ["whoever"]),
])
def test_banned_words_are_found(text, found):
    assert [word for _, word, _ in banned(text)] == found


def test_exceptions_are_needed():
    assert [(file, word) for file, word in ALLOWED
            if word not in [found for _, found, _ in banned((ROOT / file).read_text())]] == []


def test_every_page_says_whom_it_is_for():
    pages = {name(path): path.read_text(encoding="utf-8") for path in tree.files("*.md")}
    assert [page for page, text in pages.items() if page not in ADDRESSED
            and not READERS.search(" ".join(first_paragraph(text).split()))] == []


def test_lines_of_prose_are_short():
    """Linters check C and Python (checkpatch, flake8)."""
    lines = [(name(path), line) for path in tree.files("*.md")
             for line in prose(path.read_text(encoding="utf-8"))]
    lines += [(name(path), line) for path in tree.files("*.sh", "*.mk", "Makefile", "run")
              for line in comments(path.read_text(encoding="utf-8"))]
    assert len(lines) > 1000
    assert [line for line in lines if len(line[1].expandtabs(8)) > MOST_COLUMNS] == []
