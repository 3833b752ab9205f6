# SPDX-License-Identifier: BSD-3-Clause
"""How a command of this repository begins and ends, whatever surrounds it.

No surroundings end in a traceback: a closed or full standard output, a limit, a full disk, a
missing temporary directory are one line on stderr, cause and remedy, and exit status 2.
"""

import errno
import importlib
import io
import os
import sys
import traceback

CANNOT, READER_GONE, INTERRUPTED = 2, 1, 130
REMEDIES = {
    errno.ENOSPC: "free some space there, or set TMPDIR to a directory on another disk",
    errno.EDQUOT: "free some space there, or set TMPDIR to a directory on another disk",
    errno.EFBIG: "raise the limit of file sizes: ulimit -f unlimited",
    errno.EMFILE: "raise the limit of open files: ulimit -n 1024",
    errno.ENFILE: "close programs: the whole system has too many open files",
    errno.EAGAIN: "raise the limit of processes: ulimit -u unlimited",
    errno.ENOMEM: "raise the limit of memory: ulimit -v unlimited",
    errno.EROFS: "use a copy in a directory that can be written",
    errno.EACCES: "use a copy in a directory that you may write to",
}


class LostOutput(OSError):
    """Standard output cannot be written."""


class Output(io.FileIO):
    """Standard output whose errors can be told from those of other files."""

    def write(self, data):
        """Write some of the bytes. BrokenPipeError if the reader is gone, LostOutput if not."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise LostOutput(error.errno, error.strerror) from None


def start(name, module):
    """Run main(argv) of a module as the command `name`; never returns."""
    status = guarded(name, module)
    silence()
    sys.exit(status)


def guarded(name, module):
    """The exit status of main(argv) of a module; what it raises is said in one line."""
    try:
        if not open_streams():
            return say(name, "standard output is closed; send it to a file or to /dev/null")
        status = importlib.import_module(module).main(sys.argv[1:])
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return READER_GONE          # as with `| head -n 1`: the reader has what it wanted
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else CANNOT * bool(end.code)
    except LostOutput as error:
        return say(name, f"cannot write standard output: {error.strerror}; send it elsewhere")
    except OSError as error:
        return say(name, about(error))
    except KeyboardInterrupt:
        say(name, "interrupted")
        return INTERRUPTED
    except MemoryError:
        return say(name, f"out of memory; {REMEDIES[errno.ENOMEM]}")
    except Exception as error:      # also while modules are read: whatever it is, one line
        return say(name, about_mistake(error))


def open_streams():
    """Make descriptors 0 to 2 and their streams usable; whether there is a standard output."""
    there = sys.stdout is not None
    if there:
        raw = io.BufferedWriter(Output(1, "w", closefd=False))
        sys.stdout = io.TextIOWrapper(raw, encoding=sys.stdout.encoding, errors="backslashreplace",
                                      line_buffering=sys.stdout.isatty())
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            break
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    return there


def about(error):
    """Cause and remedy of an OSError in one line."""
    if "temporary directory" in str(error):
        return ("no directory for temporary files can be written; set TMPDIR to one that can, "
                "and look at ulimit -f")
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
    remedy = REMEDIES.get(error.errno, "python3 tests/run_tests.py --doctor looks for the cause")
    return f"{where}{error.strerror or error}; {remedy}"


def about_mistake(error):
    """An exception that nobody thought of, in one line."""
    if "start new thread" in str(error):
        return f"{error}; {REMEDIES[errno.EAGAIN]}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (f"unexpected {error!r} in {os.path.basename(frame.filename)}:{frame.lineno}; "
            "please report this line")


def say(name, text):
    """Print one line on stderr, if it can be; the exit status."""
    line = f"{name}: {text}".replace("\n", " ")
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        pass
    return CANNOT


def silence():
    """What is left in buffers is lost: the interpreter must not complain of it at its end."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1 if stream is sys.stdout else 2)
