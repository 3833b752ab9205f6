# SPDX-License-Identifier: BSD-3-Clause
"""C source as the preprocessor sees it: continued lines joined, comments removed."""

import re

CONTINUED = re.compile(r"\\[ \t]*$")
DIRECTIVE = re.compile(r"\s*(?:#|%:|\?\?=)")
HEADER_NAME = re.compile(r"<[^>\n]{0,250}>")
# An unterminated string or character ends with the line, an unterminated comment with the text.
SIMPLE = r'''"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|//[^\n]*|/\*.*?(?:\*/|\Z)'''
RAW_STRING = r'''(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\((?:.*?\)(?P=mark)"|.*\Z)'''
TOKEN = re.compile(rf'''{SIMPLE}|[^"'/\n<]+|.''', re.DOTALL)
TOKEN_OR_RAW = re.compile(rf'''{RAW_STRING}|{SIMPLE}|\w+|[^\w"'/\n<]+|.''', re.DOTALL)


def whole_lines(text):
    """(number, line) of each line of C; lines that end in a backslash are joined with the next."""
    parts = []
    for number, line in enumerate(text.split("\n"), 1):
        parts.append(CONTINUED.sub("", line))
        if not CONTINUED.search(line):
            yield number - len(parts) + 1, "".join(parts)
            parts = []
    if parts:
        yield number - len(parts) + 1, "".join(parts)


def plain_lines(data):
    """(number, line) of each joined line of a file's bytes, with a space for each comment. Lines
    that a comment spans are joined as well."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    numbers, lines = zip(*whole_lines(text))
    text = "\n".join(lines)
    any_token = TOKEN_OR_RAW if 'R"' in text else TOKEN
    first = last = position = 0
    parts = []
    while position < len(text):
        name = text[position] == "<" and DIRECTIVE.match("".join(parts[:4]))
        token = (name and HEADER_NAME.match(text, position) or any_token.match(text, position))[0]
        position += len(token)
        last += token.count("\n")
        if token == "\n":
            yield numbers[first], "".join(parts)
            first, parts = last, []
        elif not token.startswith(("//", "/*")):
            parts.append(token)
        elif parts[-1:] != [" "]:
            parts.append(" ")
    yield numbers[first], "".join(parts)
