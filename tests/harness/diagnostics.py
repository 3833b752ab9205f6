# SPDX-License-Identifier: BSD-3-Clause
"""Find the first error in the output of compilers, linkers and make, and keep a bounded log.

The messages must be in English: run the tools with LC_ALL=C.
"""

import re

from .feedback.report import printable

LINE_MOST = 300             # characters of a quoted line
MATCHED_MOST = 1200         # characters of a line that are searched
LOG_MOST = 64 << 10         # characters of a log

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LINKER_NAME = re.compile(r"^(?:\S*/)?ld(?:\.\w+)?: ")
# An object file before the position in the source; gcc gives it a temporary name.
OBJECT = re.compile(r"[^\s;]*\.o:(?=[^\s;(]+:\d+: )")
# `file:line:column: kind: text`. The first kind counts, since a warning may quote an error. A line
# that starts with a directive, comment or string is source that clang quotes.
PLACED = re.compile(r"(?![#*\"]|//|/\*)\S.*?:\d+:(?:\d+:)? (error|fatal error|Error|Fatal error"
                    r"|internal compiler error|warning|Warning|note|Info): ")
# Other errors that end a build. first_error() searches for a kind only if there is none of the
# kinds before it. None of these patterns matches a line of source that a compiler quotes.
LINKER = re.compile(r"\S.*(?:undefined reference to |multiple definition of |undefined symbol: "
                    r"|cannot find |relocation R_\w+ against )")
TOOL = re.compile(r"[\w./+-]+: (?:[Ff]atal |internal compiler )?[Ee]rror: "
                  r"(?!ld returned |linker command failed)")
COMMAND = re.compile(r"(?:make|\S*sh)(?:\[\d+\])?: (?!\*\*\*).*"
                     r"(?:No such file or directory|not found|Permission denied)")
MAKE = re.compile(r"\S*: \*\*\* (?!\[.*\] )")
SUMMARY = re.compile(r"\S*: \*\*\* |collect2: |\d+ errors? generated|compilation terminated")


def first_error(output, folder=""):
    """The first message in a build's output that says why it failed, as one line without the path
    `folder`; "no message" if there is none."""
    lines = [line[:MATCHED_MOST].rstrip() for line in plain(output, folder).splitlines()
             if line.strip()]
    for is_error in (compiler_error, LINKER.match, TOOL.match, COMMAND.match, MAKE.match):
        found = next(filter(is_error, lines), None)
        if found:
            return shortened(OBJECT.sub("", LINKER_NAME.sub("", found)))
    left = [line.strip() for line in lines if not SUMMARY.match(line)] or lines
    return shortened(left[-1]) if left else "no message"


def compiler_error(line):
    """Whether a line is an error message of a compiler or an assembler."""
    found = PLACED.match(line)
    return bool(found) and found[1].lower().endswith("error")


def log(output, folder=""):
    """The output of a build without the path `folder`, cut at LOG_MOST; "" for nothing."""
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
