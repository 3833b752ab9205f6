# SPDX-License-Identifier: BSD-3-Clause
"""Which headers a program reads, found by running it on the oracle with headers that are wrong.

A program that passed has read what the contract's headers say, so that no mistake with which one
of these headers says something else can be the library's (causes.py). What a program reads is
written beside its reference, ref/NAME.headers, a line for each header in a window between calls:

    2: <mapped-addr 1> + 0x0 size 150000
    3: errno 12

Between event 2 and the next one, it reads the size in the header at that address: 150000; after
event 3, errno, which that call has set to 12. A program that reads neither has no such file.
"""

import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path

from .. import build
from . import oracle
from ..build import HarnessError
from ..session import build_directory
from ..suite import DEFAULT_ROOT, FIELDS
from .symbols import address, step_text

MORE = {"size": 8, "status": 1}     # what is added to a field to make it wrong


class Spoiled(oracle.Session):
    """The oracle with wrong values in some headers, from the end of one call to the next."""

    fields = None           # {events made: [(address of a header, name of a field)]}, None: all
    recorded = ()           # (Session.headers, errno set) after each event, if it is a list

    def answer(self, name, args):
        for header, (size, status) in self.headers.items():
            if self.wrong(header):
                self.send(oracle.HEADER_ORDER, self.real(header), size, status)
        super().answer(name, args)

    def move_contents(self, step):
        super().move_contents(step)
        if isinstance(self.recorded, list):
            self.recorded.append((dict(self.headers), step.errno))
        if "errno" in self.wrong(0):
            step.errno = 0
        for header, values in self.headers.items():
            wrong = self.wrong(header)
            if wrong:
                self.send(oracle.HEADER_ORDER, self.real(header), *(
                    value + MORE[field] * (field in wrong) for field, value in zip(FIELDS, values)))

    def wrong(self, header):
        """Names of the fields of a header that are wrong now."""
        if self.fields is None:
            return (*FIELDS, "errno")
        return [field for place, field in self.fields.get(len(self.steps), ()) if place == header]


def shown(program, directory, fields=None, recorded=()):
    """What a program shows with these fields of headers spoiled, as Spoiled has them."""
    session = type("SpoiledHere", (Spoiled,), {"fields": fields, "recorded": recorded})
    try:
        steps, status, stderr = oracle.run(program, directory, session)
    except (HarnessError, OSError):
        return None
    return [step_text(step) for step in steps], status, stderr


def reads(program, directory):
    """What of fields_of() a program reads."""
    recorded = []
    right = shown(program, directory, {}, recorded)
    if right == shown(program, directory):
        return []

    def read(some):
        """Those of some fields that the program reads."""
        if shown(program, directory, by_event(some)) == right:
            return []
        half = len(some) // 2
        return [*read(some[:half]), *read(some[half:])] if half else some
    return read(fields_of(recorded))


def fields_of(recorded):
    """[(events made, address of a header, "size", "status" or "errno", value)] of all headers, and
    of each errno that a call set."""
    return [(made, header, *pair) for made, (headers, errno) in enumerate(recorded, 1)
            for header, *pairs in [*((header, *zip(FIELDS, values))
                                     for header, values in headers.items()),
                                   *[(0, ("errno", errno))] * bool(errno)]
            for pair in pairs]


def by_event(some):
    """Some of what fields_of() gives, as Spoiled.fields."""
    fields = {}
    for made, header, field, _ in some:
        fields.setdefault(made, []).append((header, field))
    return fields


def text(found):
    """What reads() gave, as lines of a file."""
    return "".join(f"{made}: {field} {value}\n" if field == "errno" else
                   f"{made}: {address(header)} {field} {value}\n"
                   for made, header, field, value in found)


def all_reads(names, snippets, out_dir):
    """{name of a snippet: text of what it reads}."""
    with tempfile.TemporaryDirectory() as where, ThreadPool() as pool:
        directory = Path(where)
        oracle.build_stand_in(directory)
        programs = build.build_programs([snippets / f"{name}.c" for name in names], directory,
                                        out_dir)
        return dict(zip(names, pool.map(lambda program: text(reads(program, directory)), programs)))


def update(names=None, root=None):
    """Rewrite ref/NAME.headers of the named snippets, or of all, of the suite in directory `root`
    (None: this tree's own); a line for each file that changes. HarnessError if one does not
    compile."""
    place = Path(root or DEFAULT_ROOT)
    chosen = list(names or oracle.snippet_names(place))
    for name, lines in all_reads(chosen, place / "snippets", build_directory(place)).items():
        path = place / "ref" / f"{name}.headers"
        if lines:
            change = oracle.write_if_changed(path, lines)
        else:
            change = oracle.remove(path) if path.exists() else None
        if change:
            print(change)
