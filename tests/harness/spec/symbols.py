# SPDX-License-Identifier: BSD-3-Clause
"""The symbolic text of the model's steps, in the format of references and normalised traces.

An event is a line with the call, indented lines with the system calls inside it, and an indented
line with the result. Heap addresses are written `HeapStart + 0x...`, addresses in mapping number n
`<mapped-addr n> + 0x...`.
"""

import signal
from functools import lru_cache

from .model import MAP_STRIDE

NULL = 0
MMAP_REST = "PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0"
SIZE_ARGUMENTS = {"os_malloc": (0,), "os_calloc": (0, 1), "os_realloc": (1,), "os_free": ()}


@lru_cache(maxsize=4096)
def address(value):
    """Text of the model address `value`. 0 is HeapStart, not NULL."""
    mapping, offset = divmod(value, MAP_STRIDE)
    room = f"<mapped-addr {mapping}>" if mapping else "HeapStart"
    return f"{room} + {offset:#x}"


def pointer(value):
    """Text of a pointer argument or result of the API, where 0 is NULL."""
    return "NULL" if value == NULL else address(value)


def step_text(step):
    """The lines of one model step, as a tuple."""
    return (call_text(step), *result_lines(step))


def result_lines(step):
    """The lines after that of the call. A call that aborts (misuse) has no result line."""
    last = () if step.misuse else result_line(step.result)
    if not step.syscalls:
        return last
    return (*("  " + system_call_text(call) for call in step.syscalls), *last)


@lru_cache(maxsize=4096)
def result_line(value):
    """A tuple of the line with the result of a call, None for void."""
    return ("  = " + ("<void>" if value is None else pointer(value)),)


def call_text(step):
    """A call as text: `os_realloc(HeapStart + 0x20, 5)`; sizes decimal, pointers symbolic."""
    sizes = SIZE_ARGUMENTS[step.name]
    shown = [str(arg) if place in sizes else pointer(arg) for place, arg in enumerate(step.args)]
    return f"{step.name}({', '.join(shown)})"


def system_call_text(call):
    """A system call of a model step as text, with its result, not indented."""
    if call.name == "brk":
        asked = address(call.args[0]) if call.args else "0"
        return f"brk({asked}) = {address(call.result)}"
    if call.name == "mmap":
        return f"mmap(NULL, {call.args[0]}, {MMAP_REST}) = {mapping_result(call.result)}"
    start, length = call.args
    return f"munmap({address(start)}, {length}) = {'0' if call.result == 0 else '-1 ENOMEM'}"


def mapping_result(result):
    """The result of mmap as text: an address, or the model's only error, ENOMEM."""
    return "-1 ENOMEM" if result == -1 else address(result)


def end_text(exit_status):
    """The last line: `exit(N)`, or `killed(SIGNAL)` for a negative status, as of Popen."""
    if exit_status >= 0:
        return f"exit({exit_status})"
    return f"killed({signal.Signals(-exit_status).name})"


def reference(steps, exit_status):
    """The text of a whole reference: every step in order, then how the program ended."""
    lines = [line for step in steps for line in step_text(step)]
    return "\n".join(lines + [end_text(exit_status)]) + "\n"


def parse_reference(text):
    """The events of a reference, a tuple of lines each. ValueError if the text is not a reference.
    """
    events = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("  "):
            events.append([line])
        elif events:
            events[-1].append(line)
        else:
            raise ValueError(f"line {number}: indented line before the first event")
    if not text.endswith("\n") or "" in text.splitlines():
        raise ValueError("a reference ends in a newline and has no empty lines")
    return [tuple(event) for event in events]
