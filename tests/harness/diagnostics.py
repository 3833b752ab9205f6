# SPDX-License-Identifier: BSD-3-Clause
"""What compilers, linkers and make print: the line that says what is wrong, and a bounded log.

Their messages are expected in English: run them with LC_ALL=C.
"""

import re

from .report import printable

LINE_MOST = 300             # characters of a line that is quoted
MATCHED_MOST = 1200         # characters of a line that are looked at
LOG_MOST = 64 << 10         # characters of a log that are kept

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LINKER_NAME = re.compile(r"^(?:\S*/)?ld(?:\.\w+)?: ")
# An object file in front of the place in the source; gcc makes up names for it.
OBJECT = re.compile(r"[^\s;]*\.o:(?=[^\s;(]+:\d+: )")
# `file:line:column: kind: text`. The first kind counts: a warning may quote an error. A directive,
# comment or string at the beginning is a line of source that clang quotes.
PLACED = re.compile(r"(?![#*\"]|//|/\*)\S.*?:\d+:(?:\d+:)? (error|fatal error|Error|Fatal error"
                    r"|internal compiler error|warning|Warning|note|Info): ")
# What ends the work first; each kind of message is looked for only when there is none of the
# kinds before it. None of them matches a line of source that a compiler quotes.
LINKER = re.compile(r"\S.*(?:undefined reference to |multiple definition of |undefined symbol: "
                    r"|cannot find |relocation R_\w+ against )")
TOOL = re.compile(r"[\w./+-]+: (?:[Ff]atal |internal compiler )?[Ee]rror: "
                  r"(?!ld returned |linker command failed)")
COMMAND = re.compile(r"(?:make|\S*sh)(?:\[\d+\])?: (?!\*\*\*).*"
                     r"(?:No such file or directory|not found|Permission denied)")
MAKE = re.compile(r"\S*: \*\*\* (?!\[.*\] )")
SUMMARY = re.compile(r"\S*: \*\*\* |collect2: |\d+ errors? generated|compilation terminated")


def first_error(output, folder=""):
    """The first message in a build's output that says why it failed, in one line.

    The path `folder` is left out of it. "no message" if there is none.
    """
    lines = [line[:MATCHED_MOST].rstrip() for line in plain(output, folder).splitlines()
             if line.strip()]
    for is_error in (compiler_error, LINKER.match, TOOL.match, COMMAND.match, MAKE.match):
        found = next(filter(is_error, lines), None)
        if found:
            return shortened(OBJECT.sub("", LINKER_NAME.sub("", found)))
    left = [line.strip() for line in lines if not SUMMARY.match(line)] or lines
    return shortened(left[-1]) if left else "no message"


def compiler_error(line):
    """Whether a line is a compiler's or an assembler's error: no warning, no line of source."""
    found = PLACED.match(line)
    return bool(found) and found[1].lower().endswith("error")


def log(output, folder=""):
    """All that a build printed, without the path `folder`, bounded; "" for nothing."""
    text = plain(output, folder).rstrip()
    if len(text) <= LOG_MOST:
        return text + "\n" if text else ""
    kept = text[:LOG_MOST]
    kept = kept[:kept.rfind("\n") + 1] or kept + "\n"
    return f"{kept}({len(text) - len(kept)} more characters are left out)\n"


def plain(output, folder):
    """Output as printable text, without colours and without the path of a folder."""
    text = printable(COLOURS.sub("", output))
    return text.replace(f"{folder}/", "") if folder else text


def shortened(line):
    """A line, cut if it is long."""
    return line if len(line) <= LINE_MOST else line[:LINE_MOST - 3] + "..."
