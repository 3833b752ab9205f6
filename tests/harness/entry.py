# SPDX-License-Identifier: BSD-3-Clause
"""How a command of this repository begins and ends, whatever surrounds it.

No surroundings end in a traceback: a closed or full standard output, a limit, a full disk, a
missing temporary directory are one line on stderr, cause and remedy, and exit status 2. A command
calls start() before it imports anything else, as an import can fail as well.
"""

import errno
import io
import os
import sys      # no more here: PYTHONPATH may name modules that take the place of Python's own

OLDEST_PYTHON = (3, 9)
SPLITTING = frozenset(" \t\n:;$")
CANNOT, READER_GONE, INTERRUPTED = 2, 1, 130
REMEDIES = {
    errno.ENOSPC: "free some space there, or set TMPDIR to a directory on another disk",
    errno.EDQUOT: "free some space there, or set TMPDIR to a directory on another disk",
    errno.EFBIG: "raise the limit of file sizes: ulimit -f unlimited",
    errno.EMFILE: "raise the limit of open files: ulimit -n 1024",
    errno.ENFILE: "close programs: the whole system has too many open files",
    errno.EAGAIN: "raise the limits of processes and of memory: ulimit -u unlimited; "
                  "ulimit -v unlimited",
    errno.ENOMEM: "raise the limit of memory: ulimit -v unlimited",
    errno.EROFS: "use a copy in a directory that can be written",
    errno.EACCES: "use a copy in a directory that you may write to",
}
OWN_UMASK = 0o022       # what a command makes for a moment must be readable for the sandbox's users
users_umask = 0o022     # the umask that it was started with, but for the user's own rights


class Unsuitable(Exception):
    """A command cannot work in these surroundings: str(e) is cause and remedy in one line."""


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
        check_python()
        take_umask()
        choose_temporary_directory()
        status = status_of(module)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return READER_GONE          # as with `| head -n 1`: the reader has what it wanted
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


def status_of(module):
    """The exit status of main(argv) of a module, also if it calls sys.exit(), as --help does."""
    try:
        __import__(module)
        return sys.modules[module].main(sys.argv[1:])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else CANNOT * bool(end.code)


def check_python():
    """Leave out modules that PYTHONPATH puts before Python's own; Unsuitable if it is too old."""
    if sys.version_info < OLDEST_PYTHON:
        raise Unsuitable(f"{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}; "
                         f"run it with Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or later")
    foreign = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:] = [place for place in sys.path[1:] if place not in foreign]


def take_umask():
    """The umask that the user has chosen is for results alone: results_opener(), make_folder()."""
    global users_umask
    users_umask = os.umask(OWN_UMASK) & 0o077


def results_opener(path, flags):
    """The opener, as open() takes it, of a file with results: a new one has the user's umask."""
    try:
        number = os.open(path, flags | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags, 0o666)
    set_mode(number, 0o666)
    return number


def set_mode(file, most):
    """Set those rights of `most` that the user's umask leaves, if the file system has rights."""
    try:
        os.chmod(file, most & ~users_umask)
    except OSError:
        pass


def make_folder(path):
    """Make a directory for results, and those above it; new ones have the user's umask."""
    missing = [] if os.path.isdir(path) else [os.path.abspath(path)]
    while missing and not os.path.lexists(os.path.dirname(missing[-1])):
        missing.append(os.path.dirname(missing[-1]))
    for place in reversed(missing):
        try:
            os.mkdir(place)
            set_mode(place, 0o777)
        except FileExistsError:     # another command made it just now
            if not os.path.isdir(place):
                raise


def choose_temporary_directory():
    """Make TMPDIR an absolute path; Unsuitable if nothing can be written there.

    Python would silently take another directory, or the current one, where TMPDIR is wrong.
    Where its path has characters at which the loader or ltrace splits paths, /tmp is taken.
    """
    import tempfile
    place = os.path.abspath(os.environ.get("TMPDIR") or tempfile.gettempdir())
    if SPLITTING.intersection(place):
        place = "/tmp"
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(bytes(1 << 12))
    except OSError as error:
        remedy = (REMEDIES[error.errno] if error.errno in (errno.EFBIG, errno.EMFILE) else
                  "set TMPDIR to a directory in which that is possible")
        raise Unsuitable(f"cannot write temporary files in {place}: {error.strerror}; "
                         f"{remedy}") from None
    tempfile.tempdir = os.environ["TMPDIR"] = place


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
    if isinstance(error.args[0], list):         # shutil.copytree()'s: the first of many
        first = error.args[0][0][-1]
        number = first.removeprefix("[Errno ").partition("]")[0]
        return f"{first}; {remedy_of(int(number) if number.isdigit() else None)}"
    if "temporary directory" in str(error):
        return ("no directory for temporary files can be written; set TMPDIR to one that can, "
                "and look at ulimit -f")
    file = error.filename2 or error.filename        # of a copy, the one that was written
    where = f"{os.fsdecode(file)}: " if isinstance(file, (str, bytes)) else ""
    return f"{where}{error.strerror or error}; {remedy_of(error.errno)}"


def remedy_of(number):
    """What to do about an error of the system, by its number."""
    return REMEDIES.get(number, "python3 tests/run_tests.py --doctor looks for the cause")


def remedy_in(message):
    """The remedy of the error of the system that a tool's message ends with, "" if it has none."""
    return next((remedy for number, remedy in REMEDIES.items()
                 if message.endswith(os.strerror(number))), "")


def about_mistake(error):
    """An exception that is no OSError, in one line; most are ones that nobody thought of."""
    if isinstance(error, Unsuitable):
        return str(error)
    if isinstance(error, ImportError) and "failed to map" in str(error):
        return f"{error}; {REMEDIES[errno.ENOMEM]}"
    if "start new thread" in str(error):
        return f"{error}; {REMEDIES[errno.EAGAIN]}"
    return f"unexpected {error!r} in {place_of(error)}; please report this line"


def place_of(error):
    """`FILE:LINE` of our source at which an exception was raised."""
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    return f"{os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno}"


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
