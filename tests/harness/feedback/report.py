# SPDX-License-Identifier: BSD-3-Clause
"""Print the results of tests: a line for each in suite order, a progress line, the total.

Colour and the progress line appear only on a terminal; NO_COLOR and TERM=dumb are respected.
"""

import os

from ..points import earned_and_possible

DOTS = "." * 24
LINE_MOST = 4000        # characters of a line; the longest sequence of operations needs half
REASON_MOST = 500       # characters of a reason
GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"
ERASE_LINE = "\r\x1b[K"


def printable(data):
    """`data` (bytes or str) as text that is safe to print: control characters as \\xNN, lines cut
    at LINE_MOST characters with the number of those left out."""
    if isinstance(data, bytes):
        data = data.decode("utf-8", "backslashreplace")
    lines = (cut(line, LINE_MOST) for line in data.split("\n"))
    return "\n".join(line if line.isprintable() else "".join(map(shown, line)) for line in lines)


def one_line(text):
    """Printable text as one line of at most REASON_MOST characters."""
    return cut(printable(text).replace("\n", " "), REASON_MOST)


def cut(line, most):
    """A line cut at `most` characters, with the number of those left out."""
    rest = len(line) - most
    return f"{line[:most]} [and {rest} more characters]" if rest > 0 else line


def shown(character):
    """A character, or \\xNN if a terminal would interpret it."""
    if character.isprintable() or character in "\t\n":
        return character
    return f"\\x{ord(character):02x}"


def first_lines(lines, most):
    """The first `most` of these lines as printable text, and the number of the others."""
    rest = len(lines) - most
    more = [f"... and {rest} more lines"] if rest > 0 else []
    return [printable(line) for line in lines[:most]] + more


def indented(text, by="    "):
    """`text` (a string or a sequence of lines) with `by` before each line."""
    lines = text.splitlines() if isinstance(text, str) else text
    return "\n".join(by + line for line in lines)


class Reporter:
    """Prints results in suite order, whatever order they arrive in."""

    def __init__(self, stream, tests, name_width, detail=None):
        """`detail(outcome)`: the text below a test's line; None for no text."""
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
        """`text` in `colour`, or unchanged if the stream does not get colours."""
        return f"{colour}{text}{PLAIN}" if self.colours else text

    def add(self, outcome):
        """Take one result; print all lines that no earlier test holds back."""
        self.done += 1
        self.arrived[outcome.test.name] = outcome
        self.erase_progress()
        while self.waiting and self.waiting[-1].name in self.arrived:
            self.print_outcome(self.arrived[self.waiting.pop().name])
        self.show_progress()

    def print_outcome(self, outcome):
        """Print the line of one test, the findings of memory checks and the detail."""
        print(self.line(outcome), file=self.stream)
        for note in outcome.memory:
            print("    " + self.paint("memory error: ", RED) + note, file=self.stream)
        for note in outcome.remarks:
            print("    memory: " + note, file=self.stream)
        detail = self.detail(outcome)
        if detail:
            print(indented(detail), file=self.stream)

    def line(self, outcome):
        """The line of one test: `NAME ........................ passed ...   3`."""
        word = self.paint("passed", GREEN) if outcome.passed else self.paint("failed", RED)
        name = outcome.test.name.ljust(self.name_width)
        return f"{name} {DOTS} {word}{self.points(outcome)}"

    def points(self, outcome):
        """The end of a line: the points."""
        return f" ...{outcome.earned:4d}"

    def show_progress(self):
        """Write the progress line, if this is a terminal and tests are still running."""
        if self.terminal and self.done < self.total:
            self.stream.write(f"[{self.done}/{self.total}] running")
        self.stream.flush()

    def erase_progress(self):
        """Clear the progress line before a result or an error is printed."""
        if self.terminal:
            self.stream.write(ERASE_LINE)


def total_line(outcomes, suite):
    """`Total: N/90`; for a part of the suite, out of the points of that part, with a note."""
    earned, possible = earned_and_possible(outcomes)
    part = "" if len(outcomes) == len(suite) else f" ({len(outcomes)} of {len(suite)} tests)"
    return f"Total: {earned}/{possible}{part}"
