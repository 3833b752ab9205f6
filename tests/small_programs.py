# SPDX-License-Identifier: BSD-3-Clause
"""Small C programs and libraries for tests of the harness: compiled from text, run traced.

The library is the probe's by default, so that these tests say nothing about src/.
"""

import atexit
import functools
import os
import shutil
import tempfile

from tests.harness import build
from tests.harness.tracing import runner, trace

DECLARATIONS = '#include "osmem.h"\n'
PROBE_LIBRARY = (build.TRACING / "probe_library.c").read_text(encoding="ascii")


@functools.lru_cache(maxsize=None)
def scratch():
    """A directory for the whole test session, open to programs; removed when Python ends."""
    place = tempfile.mkdtemp(prefix="osmem-test-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    os.chmod(place, 0o755)
    return place


@functools.lru_cache(maxsize=None)
def compiled(name, source, *flags):
    """The path of the file `name`, in a directory of its own, made from C text."""
    place = tempfile.mkdtemp(dir=scratch())
    os.chmod(place, 0o755)
    c_file = os.path.join(place, "source.c")
    with open(c_file, "w", encoding="utf-8") as file:
        file.write(source)
    target = os.path.join(place, name)
    build.run_tool([*build.compiler(), "-std=gnu11", "-O1", "-g", "-w",
                    "-DOSMEM_PRINTF_NO_MACROS", "-D_GNU_SOURCE", f"-I{build.UTILS}",
                    "-o", target, c_file, *flags], "a test's C text", "mend the test")
    return target


def library(source=PROBE_LIBRARY, *flags):
    """The path of a libosmem.so."""
    return compiled("libosmem.so", source, "-shared", "-fPIC", *flags)


def library_with(extra):
    """The path of a libosmem.so that is the probe's and has `extra` C text in front."""
    return library(extra + PROBE_LIBRARY)


def program(body, extra="", name="program"):
    """The path of a program: `body` is what main(argc, argv) does; `extra` comes before it."""
    text = f"{DECLARATIONS}{extra}\nint main(int argc, char **argv)\n{{\n{body}\nreturn 0;\n}}\n"
    return compiled(name, text, f"-L{os.path.dirname(library())}", *build.LINK_FLAGS,
                    "-pthread")


def run(body, extra="", lib=None, name="program", **options):
    """The Run of such a program."""
    return runner.run_traced(program(body, extra, name), lib or library(), **options)


def lines(result):
    """All lines of a Run's symbolic trace."""
    return [line for event in trace.events_text(result.trace) for line in event]
