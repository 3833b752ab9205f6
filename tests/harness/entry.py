# SPDX-License-Identifier: BSD-3-Clause
"""Start and end a command of this repository, also in a broken environment.

A closed or full standard output, a resource limit, a full disk or a missing temporary directory
never cause a traceback, but one line on stderr with cause and remedy, and exit status 2. A command
calls start() before it imports anything else, because an import can fail as well.
"""

import errno
import io
import os
import sys      # import nothing else here: PYTHONPATH may replace modules of Python

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
OWN_UMASK = 0o022       # the sandbox's users must be able to read the command's temporary files
users_umask = 0o022     # the umask at the start, without the bits for the owner


class Unsuitable(Exception):
    """A command cannot work in this environment. str(e) is one line with cause and remedy."""


class LostOutput(OSError):
    """Standard output cannot be written."""


class Output(io.FileIO):
    """Standard output, whose errors differ from those of other files."""

    def write(self, data):
        """Write some of the bytes. BrokenPipeError if the reader is gone, LostOutput if not."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise LostOutput(error.errno, error.strerror) from None


def start(name, module):
    """Run main(argv) of a module as the command `name`. Does not return."""
    status = guarded(name, module)
    silence()
    sys.exit(status)


def guarded(name, module):
    """Run main(argv) of a module; the exit status. An exception is printed as one line."""
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
        return READER_GONE          # as with `| head -n 1`: the reader needs no more
    except LostOutput as error:
        return say(name, f"cannot write standard output: {error.strerror}; send it elsewhere")
    except OSError as error:
        return say(name, about(error))
    except KeyboardInterrupt:
        say(name, "interrupted")
        return INTERRUPTED
    except MemoryError:
        return say(name, f"out of memory; {REMEDIES[errno.ENOMEM]}")
    except Exception as error:      # any exception, also of an import, is printed as one line
        return say(name, about_mistake(error))


def status_of(module):
    """Run main(argv) of a module; the exit status, also if it calls sys.exit() as --help does."""
    try:
        __import__(module)
        return sys.modules[module].main(sys.argv[1:])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else CANNOT * bool(end.code)


def check_python():
    """Ignore PYTHONPATH, which may replace modules of Python. Unsuitable if Python is too old."""
    if sys.version_info < OLDEST_PYTHON:
        raise Unsuitable(f"{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}; "
                         f"run it with Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or later")
    foreign = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:] = [place for place in sys.path[1:] if place not in foreign]


def take_umask():
    """Save the user's umask, which only results get (results_opener(), make_folder()), and set
    OWN_UMASK for all other files."""
    global users_umask
    users_umask = os.umask(OWN_UMASK) & 0o077


def results_opener(path, flags):
    """An opener for open(): a new file gets the user's umask."""
    try:
        number = os.open(path, flags | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags, 0o666)
    set_mode(number, 0o666)
    return number


def set_mode(file, most):
    """Set the mode `most`, less the user's umask. Ignored if the file system has no modes."""
    try:
        os.chmod(file, most & ~users_umask)
    except OSError:
        pass


def make_folder(path):
    """Make a directory for results and its parents; new directories get the user's umask."""
    missing = [] if os.path.isdir(path) else [os.path.abspath(path)]
    while missing and not os.path.lexists(os.path.dirname(missing[-1])):
        missing.append(os.path.dirname(missing[-1]))
    for place in reversed(missing):
        try:
            os.mkdir(place)
            set_mode(place, 0o777)
        except FileExistsError:     # another command has just made it
            if not os.path.isdir(place):
                raise


def choose_temporary_directory():
    """Make TMPDIR an absolute path. Unsuitable if nothing can be written there.

    If TMPDIR is wrong, Python would silently use another directory or the current one. /tmp is used
    if the path has a character at which the loader or ltrace splits lists of paths.
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
                  "set TMPDIR to a writable directory")
        raise Unsuitable(f"cannot write temporary files in {place}: {error.strerror}; "
                         f"{remedy}") from None
    tempfile.tempdir = os.environ["TMPDIR"] = place


def open_streams():
    """Open descriptors 0 to 2 and their streams if they are closed; whether standard output was
    open."""
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
    if isinstance(error.args[0], list):         # from shutil.copytree(): show the first of many
        first = error.args[0][0][-1]
        number = first.removeprefix("[Errno ").partition("]")[0]
        return f"{first}; {remedy_of(int(number) if number.isdigit() else None)}"
    if "temporary directory" in str(error):
        return ("no directory for temporary files can be written; set TMPDIR to one that can, "
                "and check ulimit -f")
    file = error.filename2 or error.filename        # filename2 is the target of a copy
    where = f"{os.fsdecode(file)}: " if isinstance(file, (str, bytes)) else ""
    return f"{where}{error.strerror or error}; {remedy_of(error.errno)}"


def remedy_of(number):
    """The remedy for an errno."""
    return REMEDIES.get(number, "python3 tests/run_tests.py --doctor looks for the cause")


def remedy_in(message):
    """The remedy for the system error at the end of a tool's message, "" if there is none."""
    return next((remedy for number, remedy in REMEDIES.items()
                 if message.endswith(os.strerror(number))), "")


def about_mistake(error):
    """Any other exception in one line; most are bugs."""
    if isinstance(error, Unsuitable):
        return str(error)
    if isinstance(error, ImportError) and "failed to map" in str(error):
        return f"{error}; {REMEDIES[errno.ENOMEM]}"
    if "start new thread" in str(error):
        return f"{error}; {REMEDIES[errno.EAGAIN]}"
    return f"unexpected {error!r} in {place_of(error)}; please report this line"


def place_of(error):
    """`FILE:LINE` where an exception was raised."""
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    return f"{os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno}"


def say(name, text):
    """Print one line on stderr, if that is possible; the exit status CANNOT."""
    line = f"{name}: {text}".replace("\n", " ")
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        pass
    return CANNOT


def silence():
    """Flush stdout and stderr; discard what cannot be written, so that the interpreter does not
    complain about it at exit."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1 if stream is sys.stdout else 2)
