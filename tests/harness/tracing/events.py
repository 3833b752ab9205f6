# SPDX-License-Identifier: BSD-3-Clause
"""Read the events of a normalised trace or of a reference, the text that trace.py and symbols.py
write: a call of os_*, its system calls and its result, as numbers.

An event is a tuple of lines, as from trace.events_text(). Addresses are the model's.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from ..spec.model import MAP_STRIDE

CALL = re.compile(r"(os_malloc|os_calloc|os_realloc|os_free)\((.*)\)")
SYSTEM_CALL = re.compile(r" *(\w+)\((.*?)\)(?: = (.*))?")
ADDRESS = re.compile(r"(?:HeapStart|<mapped-addr (\d+)>) \+ 0x([0-9a-f]+)")


@dataclass
class SystemCall:
    """One system call: `args` as texts, `result` a model address, 0, -1 or None (unknown)."""

    name: str
    args: list
    result: int

    @property
    def refused(self):
        """Whether the system refused the call. A refused brk returns the unchanged break."""
        moves = self.name == "brk" and self.args != ["0"]
        return self.result == -1 or moves and self.result != parse_address(self.args[0])


@dataclass
class EventCall:
    """One call of os_*: args and result are numbers (model addresses), None if unknown."""

    name: str
    args: list
    syscalls: list
    result: int = None
    finished: bool = False

    @property
    def asked(self):
        """The bytes of payload that this call requests: 0 for os_free."""
        if self.name == "os_calloc":
            return self.args[0] * self.args[1]
        return 0 if self.name == "os_free" else self.args[-1]


def gives_back(call):
    """Whether a finished call freed or resized the block that it was given."""
    if call.name == "os_free":
        return not any(nested.refused for nested in call.syscalls)     # B1
    return call.name == "os_realloc" and bool(call.result or not call.asked)


def parse_address(text):
    """The model address of a text such as `HeapStart + 0x20`, 0 for NULL, None for other text."""
    if text == "NULL":
        return 0
    match = ADDRESS.fullmatch(text)
    return int(match[1] or 0) * MAP_STRIDE + int(match[2], 16) if match else None


def parse_value(text):
    """The value of a size or an address; None for other text."""
    return int(text) if re.fullmatch(r"-?\d+", text) else parse_address(text)


def parse_system_call(line):
    """The SystemCall of a line, indented or not; a program's end becomes one named exit or
    killed."""
    match = SYSTEM_CALL.fullmatch(line)
    if not match:
        return SystemCall(line, [], None)
    result = match[3] or ""
    return SystemCall(match[1], match[2].split(", "),
                      -1 if result[:2] == "-1" else parse_value(result))


@lru_cache(maxsize=4096)
def parse_request(line):
    """(function, arguments as in EventCall) of an event's first line, None if that is not an os_*
    call. Explanations replay the same few lines thousands of times."""
    match = CALL.fullmatch(line)
    return match and (match[1], tuple(parse_value(arg) for arg in match[2].split(", ")))


def parse_call(event):
    """The EventCall of an event, or None if it is not an os_* call."""
    request = parse_request(event[0])
    if not request:
        return None
    call = EventCall(request[0], list(request[1]), [])
    for line in event[1:]:
        if line.startswith("  = "):
            call.result = parse_value(line[4:])
            call.finished = True
        else:
            call.syscalls.append(parse_system_call(line))
    return call
