# SPDX-License-Identifier: BSD-3-Clause
"""What the user sees while tests run: one line a test in suite order, a progress line, the total.

Colour and the progress line appear only on a terminal; NO_COLOR and TERM=dumb are respected.
"""

import os

DOTS = "." * 24
LINE_MOST = 4000        # characters of a line; a sequence of operations has half as many
REASON_MOST = 500       # characters of a reason
GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"
ERASE_LINE = "\r\x1b[K"


def printable(data):
    """Text of `data` (bytes or str) that cannot drive a terminal and has no line without end:
    control characters as \\xNN, lines of at most LINE_MOST characters and how many were left out.
    """
    if isinstance(data, bytes):
        data = data.decode("utf-8", "backslashreplace")
    lines = (cut(line, LINE_MOST) for line in data.split("\n"))
    return "\n".join(line if line.isprintable() else "".join(map(shown, line)) for line in lines)


def one_line(text):
    """Printable text in one line, short enough for a table."""
    return cut(printable(text).replace("\n", " "), REASON_MOST)


def cut(line, most):
    """A line without what it has beyond `most` characters."""
    rest = len(line) - most
    return f"{line[:most]} [and {rest} more characters]" if rest > 0 else line


def shown(character):
    """A character as it is, or its number if a terminal would do something else than show it."""
    if character.isprintable() or character in "\t\n":
        return character
    return f"\\x{ord(character):02x}"


def first_lines(lines, most):
    """Printable text of the first lines of many, and how many more there are."""
    rest = len(lines) - most
    more = [f"... and {rest} more lines"] if rest > 0 else []
    return [printable(line) for line in lines[:most]] + more


def indented(text, by="    "):
    """Every line of `text` (a string or a sequence of lines) with `by` in front."""
    lines = text.splitlines() if isinstance(text, str) else text
    return "\n".join(by + line for line in lines)


class Reporter:
    """Prints results in suite order although they arrive in any order."""

    def __init__(self, stream, tests, name_width, detail=None):
        """`detail(outcome)` is text printed under a test's line, or None for no such text."""
        self.stream = stream
        self.waiting = list(reversed(tests))
        self.total = len(tests)
        self.name_width = name_width
        self.detail = detail or (lambda outcome: "")
        self.arrived = {}
        self.done = 0
        self.terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.colours = self.terminal and not os.environ.get("NO_COLOR")

    def paint(self, text, colour):
        """`text` in `colour`, or as it is when this is no place for colours."""
        return f"{colour}{text}{PLAIN}" if self.colours else text

    def add(self, outcome):
        """Take one result; print every line whose turn has come."""
        self.done += 1
        self.arrived[outcome.test.name] = outcome
        self.erase_progress()
        while self.waiting and self.waiting[-1].name in self.arrived:
            self.print_outcome(self.arrived[self.waiting.pop().name])
        self.show_progress()

    def print_outcome(self, outcome):
        """The line of one test, what memory checks found, and the detail that was asked for."""
        print(self.line(outcome), file=self.stream)
        for note in outcome.memory:
            print("    " + self.paint("memory error: ", RED) + note, file=self.stream)
        for note in outcome.remarks:
            print("    memory: " + note, file=self.stream)
        detail = self.detail(outcome)
        if detail:
            print(indented(detail), file=self.stream)

    def line(self, outcome):
        """`NAME ........................ passed ...   3`"""
        word = self.paint("passed", GREEN) if outcome.passed else self.paint("failed", RED)
        name = outcome.test.name.ljust(self.name_width)
        return f"{name} {DOTS} {word}{self.points(outcome)}"

    def points(self, outcome):
        """What a line ends with."""
        return f" ...{outcome.earned:4d}"

    def show_progress(self):
        """How far the run is; on a terminal only, and not once everything is done."""
        if self.terminal and self.done < self.total:
            self.stream.write(f"[{self.done}/{self.total}] running")
        self.stream.flush()

    def erase_progress(self):
        """Clear the progress line, so that a result or an error can take its place."""
        if self.terminal:
            self.stream.write(ERASE_LINE)


def total_line(outcomes, suite):
    """`Total: N/90`; for a part of the suite, out of that part's points, and it says so."""
    earned = sum(outcome.earned for outcome in outcomes)
    possible = sum(outcome.test.points for outcome in outcomes)
    part = "" if len(outcomes) == len(suite) else f" ({len(outcomes)} of {len(suite)} tests)"
    return f"Total: {earned}/{possible}{part}"
