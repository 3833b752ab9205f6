# SPDX-License-Identifier: BSD-3-Clause
"""Recognise mistakes that no trace shows: the program found them in its memory and stopped itself.

The program runs again, not on the library under test but on the oracle with one mistake after the
other: those on which it makes the same calls and stops at the same CHECK are suspects.
"""

import signal
import tempfile
from functools import lru_cache
from pathlib import Path

from ..spec import history, oracle
from ..build import HarnessError
from ..compare import own_check_in
from .hints import contradicted
from ..spec.mistakes import MISTAKES
from ..spec.model import ALLOC, FREE, BrokenModel, Model, aligned
from ..session import build_directory
from ..spec.symbols import step_text


class Suspect(oracle.Session):
    """The oracle with a mistake; free memory keeps its bytes, as it does in most libraries.

    Subclasses make mistakes in what is in memory. Docstring and `rule` are as in mistakes.py.
    """

    rule = ""

    def spoil_free(self, free):
        """Leave free payloads alone."""


class CallocIsNotZero(Suspect):
    """does not set the memory of os_calloc to zero, or not all of it"""

    rule = "H6"

    def move_contents(self, step):
        step.zeroed.clear()
        super().move_contents(step)


class CallocZeroesWholeWordsOnly(Suspect):
    """does not set the last bytes of os_calloc's memory to zero, those behind the last 8"""

    rule = "H6"

    def move_contents(self, step):
        step.zeroed[:] = [(payload, count // 8 * 8) for payload, count in step.zeroed]
        super().move_contents(step)


class CopiesTooLittle(Suspect):
    """copies too few bytes to a block's new place"""

    rule = "X9"

    def move_contents(self, step):
        step.copies[:] = [(target, source, count - 8) for target, source, count in step.copies]
        super().move_contents(step)


class LinksFreedBlocksThroughPayload(Suspect):
    """writes into the payload of a block that it frees (a link of a list, say)"""

    rule = "G6"

    def move_contents(self, step):
        super().move_contents(step)
        if "R1" in step.rules:
            self.send(oracle.FILL, self.real(step.args[0]), 8, 0)


class KeepsCanaryBehindRequest(Suspect):
    """writes into the last bytes of a live payload (a canary, say)"""

    rule = "G5"

    def move_contents(self, step):
        super().move_contents(step)
        for block in [*self.model.heap, *self.model.maps.values()]:
            if block.status != FREE:
                self.send(oracle.FILL, self.real(block.end - 8), 8, 0xCA)


class WrongHeaders(Suspect):
    """Suspects that put something else into headers."""

    def shown(self, size, status):
        """What is put into the header of a block with this size and status."""
        raise NotImplementedError

    def write_headers(self):
        super().write_headers()
        for address, header in self.headers.items():
            self.send(oracle.HEADER_ORDER, self.real(address), *self.shown(*header))


class SizeCountsHeader(WrongHeaders):
    """counts the header in size"""

    rule = "G2"

    def shown(self, size, status):
        return size + oracle.HEADER, status


class MappingsSayAlloc(WrongHeaders):
    """gives a mapped block the status of a live heap block"""

    rule = "G3"

    def shown(self, size, status):
        return size, min(status, ALLOC)


class HeaderOfFreedBlockIsStale(WrongHeaders):
    """leaves the status of a freed block as it was"""

    rule = "G1"

    def shown(self, size, status):
        return size, ALLOC if status == FREE else status


class SizeLeavesSlackOut(Suspect):
    """leaves the slack out of size"""

    rule = "S2"

    def move_contents(self, step):
        super().move_contents(step)
        if step.name == "os_malloc" and step.result:
            header = step.result - oracle.HEADER
            self.send(oracle.HEADER_ORDER, self.real(header), aligned(*step.args),
                      self.headers[header][1])


CONTENTS = (CallocIsNotZero, CallocZeroesWholeWordsOnly, CopiesTooLittle,
            LinksFreedBlocksThroughPayload, KeepsCanaryBehindRequest, SizeCountsHeader,
            MappingsSayAlloc, HeaderOfFreedBlockIsStale, SizeLeavesSlackOut)


def found(outcome, passed=()):
    """(rule, what) of each mistake on which the program stops where it stopped itself, and that
    none of the outcomes `passed` speaks against.

    Wants an outcome whose events all agree before the program's own check failed.
    """
    try:
        place = Path(stand_in().name)
        c_file = outcome.test.c_file
        program = oracle.build_snippet(c_file, place, build_directory(c_file.parent.parent))
    except (HarnessError, OSError):
        return []
    events = outcome.expected[:outcome.difference.index]
    sessions = [(mistake, with_model(mistake)) for mistake in MISTAKES
                if looks_the_same(mistake, events) and not contradicted(mistake, passed)]
    sessions += [(kind, kind) for kind in CONTENTS]
    return [(kind.rule, kind.__doc__) for kind, session in sessions
            if stops(program, place, session) == (events, own_check_in(outcome.run.stderr))]


@lru_cache(maxsize=None)
def stand_in():
    """A temporary directory, kept until this process ends, with the oracle's library."""
    place = tempfile.TemporaryDirectory(prefix="osmem-suspects-")
    oracle.build_stand_in(Path(place.name))
    return place


def with_model(mistake):
    """The session class that asks an allocator with this mistake."""
    return type(mistake.__name__, (Suspect,), {"model_class": mistake})


def looks_the_same(mistake, events):
    """Whether events agree with an allocator with this mistake although its blocks differ."""
    models = mistake(), Model()
    differs = False
    try:
        for event in events:
            wrong, right = (history.make(model, event) for model in models)
            if right is not None and step_text(wrong) != event:
                return False
            differs = differs or models[0].snapshot() != models[1].snapshot()
    except (BrokenModel, IndexError, TypeError, ValueError):
        return False
    return differs


def stops(program, place, session):
    """(events, failed check) of a program that stops itself on a session, None if it does not."""
    try:
        steps, status, stderr = oracle.run(program, place, session)
    except (HarnessError, BrokenModel, OSError, IndexError, KeyError, TypeError, ValueError):
        return None
    if status != -signal.SIGILL:
        return None
    return [step_text(step) for step in steps], own_check_in(stderr.encode())
