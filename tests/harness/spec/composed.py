# SPDX-License-Identifier: BSD-3-Clause
"""Wrong allocators that make several mistakes at once."""

from functools import lru_cache
from inspect import isfunction

from .history import make
from .mistakes import ALL, Mistake
from .model import ENOMEM, FREE, MAP_STRIDE, NULL, BrokenModel, Step, SystemCallFailed, aligned
from ..tracing.trace import API

# What a wrong allocator raises where it cannot go on.
FATAL = (BrokenModel, ArithmeticError, AttributeError, IndexError, TypeError, ValueError)

NO_DECISION = ("rule", "excludes", "implies", "unfinished")     # what is said about a mistake
ALWAYS = ("_rounded", "_can_exist")         # methods of Model that all calls come to


WORK = {name: name.replace("os_", "_") for name in API}     # methods that make the calls


class WithoutCopies(Mistake):
    """An allocator for traces in which the system refuses nothing: no call has to be undone, so
    none needs a copy of all blocks. It does what the model does, with less work."""

    _rounded = staticmethod(aligned)

    def step(self, name, args):
        return self._call(name, args, getattr(self, WORK[name]))

    def _call(self, name, args, work):
        step = self._now = Step(name, args)
        try:
            step.result = work(*args)
        except SystemCallFailed:
            step.errno = ENOMEM
            step.result = None if name == "os_free" else NULL
        return step

    def _block_of_payload(self, p):
        address = p - self.block.header
        for block in self.heap:
            if block.addr == address:
                return block
        return self._mapping_at(address)

    def _mapping_at(self, address):
        """The mapped block whose header is at an address, None if there is none."""
        block = self.maps.get(address // MAP_STRIDE)
        return block if block is not None and block.addr == address else None

    def _merge_all(self):
        was_free = False
        for block in self.heap:
            free = block.status == FREE
            if free and was_free:
                return super()._merge_all()
            was_free = free
        return None


@lru_cache(maxsize=None)
def compose(mistakes):
    """The allocator that makes all of a frozenset of mistakes.

    None if two of them exclude each other: they contradict each other, or both replace the same
    decision without asking what it was, so that one would undo the other.
    """
    names = {mistake.__name__ for mistake in mistakes}
    if any(names.intersection(mistake.excludes) for mistake in mistakes):
        return None
    rest, order = [mistake for mistake in ALL if mistake in mistakes], []
    while rest:
        free = [one for one in rest if not any(hides(one, other) for other in rest)]
        if not free:
            return None
        order.append(free[0])
        rest.remove(free[0])
    name = "And".join(mistake.__name__ for mistake in order) or "Right"
    return type(name, (*order, WithoutCopies), {})


def replayed(mistakes, events):
    """The allocator that makes a frozenset of mistakes, after some events; FATAL if it cannot make
    their calls."""
    model = compose(mistakes)()
    for event in events:
        make(model, event)
    return model


@lru_cache(maxsize=None)
def hides(mistake, other):
    """Whether `mistake`, put before `other`, would keep a change of that one from being seen."""
    if mistake is other:
        return False
    return issubclass(other, mistake) or issubclass(mistake, other) or any(
        not asks_on(change) for name, change in changes(mistake).items() if name in changes(other))


def changes(mistake):
    """What a mistake redefines, itself or by a class that it inherits from: names with functions or
    values."""
    kinds = [kind for kind in reversed(mistake.__mro__)
             if issubclass(kind, Mistake) and kind is not Mistake]
    return {name: value for kind in kinds for name, value in vars(kind).items()
            if hasattr(Mistake, name) and name not in NO_DECISION and not name.startswith("__")}


def asks_on(change):
    """Whether a method calls the one that it replaces."""
    code = getattr(getattr(change, "__func__", change), "__code__", None)
    return code is not None and "super" in code.co_names


# ---- what a mistake has no part in ---------------------------------------------------------------

@lru_cache(maxsize=None)
def changed_by(mistake):
    """Names of the methods that a mistake changes."""
    return frozenset(changes(mistake))


@lru_cache(maxsize=None)
def watched():
    """Names of all methods that mistakes change, but those that every call comes to, and values."""
    names = set().union(*map(changed_by, ALL)).difference(ALWAYS)
    return [name for name in sorted(names) if isfunction(getattr(Mistake, name))]


@lru_cache(maxsize=None)
def recorder(mistakes):
    """The allocator that makes a frozenset of mistakes and keeps in `reached` the names of the
    methods that it comes to; a mistake that changes none of them would change nothing."""
    base = compose(mistakes)
    always = set().union(*map(changed_by, ALL)).difference(watched())

    def begin(self):
        self.reached = set(always)
        base.__init__(self)

    return type(base.__name__, (base,), {"__init__": begin, **{
        name: recorded(base, name) for name in watched()}})


def recorded(base, name):
    """A method that notes its name and does what the class `base` does."""
    method = getattr(base, name)

    def noting(self, *args):
        self.reached.add(name)
        return method(self, *args)
    return noting
