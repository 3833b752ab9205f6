# SPDX-License-Identifier: BSD-3-Clause
"""Run sequences of calls on the real library and compare every answer with the model's.

replay.c runs a sequence in a child process and writes its observable effects. Player (sequences.py)
writes the effects that the contract demands. The two texts must be equal.
"""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from ..feedback import heapmap
from ..spec.model import Model
from ..spec.sequences import Player, operation_text, renamed, text_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SOURCES = [HERE / name for name in ("replay.c", "replay_ops.c", "replay_os.c")]
BUILD = ROOT / "tests/build/replay"

# With these, a heap of kilobytes has as many cells as otherwise one of gigabytes (src/index.h).
SMALL_CELLS = {"CELL_SPAN": "512UL", "CELL_STEPS": "64U"}


class ReplayError(Exception):
    """The driver cannot be built or run. str(e) gives cause and remedy."""


class Divergence(Exception):
    """The library and the model disagree. str(e) shows where and how, and the command to repeat it.

    operations  the sequence up to and including the operation that differs
    """

    def __init__(self, operations, text):
        super().__init__(text)
        self.operations = operations


def _run(command):
    """Run a build command; ReplayError with its last lines if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise ReplayError(f"{command[0]} is not installed; run make deps") from None
    if done.returncode:
        raise ReplayError(f"{shlex.join(command)} failed:\n{done.stdout[-2000:]}")


def build(library=None, out=BUILD):
    """Build the driver; (its path, the directory of libosmem.so).

    library  a directory with libosmem.so; None: this repository's, built first into `out`.
    """
    out.mkdir(parents=True, exist_ok=True)
    if library is None:
        library = out
        # A relative path: make splits an absolute one at the spaces that the checkout's may have.
        _run(["make", "-s", "-C", str(ROOT / "src"), f"O={os.path.relpath(out, ROOT / 'src')}"])
    library = Path(library).resolve()
    if not (library / "libosmem.so").is_file():
        raise ReplayError(f"no libosmem.so in {library}; build it there or name another directory")
    program = out / "replay"
    fresh = out / f"replay.{os.getpid()}"
    _run(["cc", "-O2", "-std=gnu11", "-I", str(ROOT / "utils"), *map(str, SOURCES),
          "-o", str(fresh), "-L", str(library), "-losmem", "-Wl,-z,now"])
    fresh.replace(program)
    return program, library


def set_constants(config, values):
    """Change constants in a config.h; values: {name: C expression}."""
    text = config.read_text()
    for name, value in values.items():
        text, count = re.subn(rf"(#define {name}\t+).*", rf"\g<1>{value}", text)
        assert count == 1, f"{config} defines {name} {count} times"
    config.write_text(text)


def build_with(constants, place, flags=""):
    """Like build(), for a copy of this repository's library with other constants."""
    for folder in ("src", "utils"):
        shutil.copytree(ROOT / folder, place / folder,
                        ignore=shutil.ignore_patterns("*.[oa]", "*.so", "debug"))
    set_constants(place / "src/config.h", constants)
    _run(["make", "-s", "-C", str(place / "src"), *([f"CFLAGS={flags}"] if flags else [])])
    return build(place / "src", place)


class Replay:
    """A running driver. Sequences are sent before earlier ones are answered, so both processes stay
    busy."""

    MAX_AHEAD = 32768       # unanswered bytes; less than a pipe's capacity, so no deadlock

    def __init__(self, program, library):
        self._process = subprocess.Popen(
            [os.path.abspath(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            # The loader splits this list at colons, which the path of the directory may have.
            cwd=library, env={**os.environ, "LD_LIBRARY_PATH": "."})
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._rest = b""
        self._ahead = []
        words = self._read_until(b"\n").split()
        self.can_walk = "walk" in words
        if "early=0" not in words:
            self.close()
            raise Divergence([], f"Y2: system calls before the first request: {words[-1]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the driver."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _read_until(self, end):
        pieces = [self._rest]
        tail = self._rest
        while end not in tail:
            piece = os.read(self._output, 65536)
            if not piece:
                raise ReplayError(f"the replay driver ended with {self._process.wait()}")
            pieces.append(piece)
            tail = tail[-len(end):] + piece
        answer, _, self._rest = b"".join(pieces).partition(end)
        return answer.decode("ascii", "replace")

    def has_room(self, text):
        """Whether the text may be sent before an answer is read."""
        return not self._ahead or sum(self._ahead) + len(text) < self.MAX_AHEAD

    def send(self, text):
        """Send a sequence to run."""
        data = text.encode() + b"\n"
        self._ahead.append(len(data))
        while data:
            data = data[os.write(self._input, data):]

    def answer(self):
        """The driver's lines for the oldest unanswered sequence."""
        text = self._read_until(b".\n")
        self._ahead.pop(0)
        return text


def expected_answer(operations, can_walk, model_class=Model):
    """The answer that the driver must give to a sequence; misuse ends the sequence early."""
    player = Player(model_class)
    lines = []
    for operation in operations:
        lines.append(player.play(operation))
        if player.ended:
            break
    return finish(lines, player, can_walk)


def finish(lines, player, can_walk):
    """The whole answer: a player's lines and its last_lines()."""
    return "".join(line + "\n" for line in lines + player.last_lines(can_walk))


def check(replay, operations, model_class=Model):
    """Run one sequence; Divergence if the library's answer differs from the model's."""
    replay.send(text_of(operations))
    expected = expected_answer(operations, replay.can_walk, model_class)
    actual = replay.answer()
    if actual != expected:
        raise Divergence(*explain(operations, expected, actual, model_class))


def diverges(replay, operations, model_class=Model):
    """Whether the library and the model disagree on the sequence."""
    replay.send(text_of(operations))
    return expected_answer(operations, replay.can_walk, model_class) != replay.answer()


# ---- reports --------------------------------------------------------------------------------

def _first_difference(expected, actual):
    for number, (wanted, got) in enumerate(zip(expected, actual)):
        if wanted != got:
            return number
    return min(len(expected), len(actual))


def replay_command(operations):
    """The shell command that runs one sequence and shows each step."""
    return f"python3 tests/random_calls.py --replay {shlex.quote(text_of(operations))}"


def explain(operations, expected, actual, model_class=Model):
    """(the operations up to the first difference, its description) of two different answers."""
    expected, actual = expected.splitlines(), actual.splitlines()
    number = _first_difference(expected, actual)
    at_end = number >= len(operations) or expected[number:number + 1] == [""]
    shown = operations[:number + 1]
    player = Player(model_class)
    for operation in operations[:number]:
        player.play(operation)
    picture = heapmap.draw(player.model)
    if number < len(operations):
        player.play(operations[number])
        what = f"operation {number} of {len(operations)}: {operation_text(operations[number])}"
    else:
        what = "the blocks at the end"
    step = player.steps[-1] if player.steps and not at_end else None
    lines = ["library and model disagree: " + what,
             "sequence  " + text_of(shown),
             "rules     " + (", ".join(step.rules) if step else "-"),
             "expected  " + (expected[number] if number < len(expected) else "nothing more"),
             "actual    " + (actual[number] if number < len(actual) else "nothing more"),
             *(f"          {line}" for line in actual[number + 1:number + 4]
               if number < len(operations) and number == len(actual) - 1),
             "the heap before it, by the model:", picture,
             "again     " + replay_command(shown)]
    return shown, "\n".join(lines)


def trace(replay, operations):
    """Run one sequence; yields a line for each operation with its effects, and a second line with
    the expected ones if they differ."""
    replay.send(text_of([("v",)] + _shifted(operations)))
    actual = replay.answer().splitlines()[1:]
    expected = expected_answer(operations, replay.can_walk).splitlines()
    for number in range(max(len(actual), len(expected))):
        name = operation_text(operations[number]) if number < len(operations) else "end"
        got = actual[number] if number < len(actual) else "nothing"
        wanted = expected[number] if number < len(expected) else "nothing"
        yield f"{number:3} {name:24} {got}"
        if got != wanted:
            yield f"    {'should be':24} {wanted}"


def _shifted(operations):
    """The operations, renumbered for one more operation before them."""
    numbers = range(1, len(operations) + 1)
    return [renamed(operation, numbers) for operation in operations]
