# SPDX-License-Identifier: BSD-3-Clause
"""The sandbox in which untrusted code is compiled and run: find and use the layers that work here.

    bubblewrap  a file system with only the compilers and the work folder, no other processes, no
                network (namespaces; for traced programs, seccomp alone refuses the network)
    user        a separate user for each run (needs root)
    landlock    access to the same files only, by the kernel's Landlock
    seccomp     no sockets, no administration of the kernel, no other process's memory
    limits      time, memory, processes, open files, size of files

Each layer is tested before it is used. Several layers can protect the same resource (NEEDS), so a
machine without bubblewrap may suffice.
"""

import dataclasses
import itertools
import os
import selectors
import shutil
import signal
import subprocess
import time

from .. import build, machine

FIRST_USER, USERS = 61184, 4096     # as in confine.h
SYSTEM = [f"/usr/{name}" for name in ("bin", "lib", "lib32", "lib64", "libx32", "libexec",
                                      "include", "share")]
TO_RUN = [f"/usr/{name}" for name in ("bin", "lib", "lib32", "lib64", "libx32", "share")]
LINKS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives")
CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_SYS_PTRACE", "CAP_KILL",
                "CAP_DAC_READ_SEARCH")      # needed by ltrace and confine
MEGABYTE = 1 << 20
COMPILER_LIMITS = {"cpu": 30, "as": 2048 * MEGABYTE, "fsize": 64 * MEGABYTE, "nproc": 64,
                   "nofile": 256, "core": 0}
PROGRAM_LIMITS = {"cpu": 2, "as": 1024 * MEGABYTE, "nproc": 32, "nofile": 64}
OUTPUT_MOST = MEGABYTE          # limit of a compiler's output, in bytes
CHUNK = 64 << 10

# What must be protected -> the layers that protect it; one of them is enough.
NEEDS = {
    "files": ("bubblewrap", "landlock"),
    "network": ("bubblewrap", "seccomp"),
    "processes": ("bubblewrap", "user"),
    "resources": ("limits",),
}
LAYERS = ("bubblewrap", "user", "landlock", "seccomp", "limits")
_numbers = itertools.count()


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer: whether it works here, and a remark or the reason why it does not."""

    name: str
    works: bool
    why: str


@dataclasses.dataclass(frozen=True)
class Done:
    """A command that has ended: its exit status (negative: a signal), stdout and stderr together,
    and why it was stopped: 'time', 'output' or '' (it was not)."""

    status: int
    output: str
    stopped: str


def new_user():
    """A user id for one run. Successive calls give different ids, in most cases also in different
    processes."""
    return FIRST_USER + (os.getpid() * 61 + next(_numbers)) % USERS


def limits_text(limits):
    """Limits as text, for the option -l of confine."""
    return ",".join(f"{name}={most}" for name, most in limits.items())


def parents(path):
    """The directories above a path, outermost first, without the root."""
    parts = os.path.dirname(os.path.abspath(path)).split("/")[1:]
    return ["/" + "/".join(parts[:count + 1]) for count in range(len(parts)) if parts[0]]


class Sandbox:
    """The layers that work on this machine. `without`: names of layers that are not used."""

    def __init__(self, without=()):
        self.confine = build.build_confiner()
        self.root = os.geteuid() == 0
        self.layers = [Layer(name, False, "switched off") if name in without
                       else getattr(self, "_try_" + name)() for name in LAYERS]
        self._working = {layer.name for layer in self.layers if layer.works}

    def has(self, layer):
        """Whether a layer works here."""
        return layer in self._working

    def missing(self):
        """The keys of NEEDS that no working layer protects."""
        return [need for need, layers in NEEDS.items() if not self._working.intersection(layers)]

    def report(self):
        """A line for each layer and each need."""
        lines = [f"{layer.name:<12}{'works' if layer.works else 'does not work'}: {layer.why}"
                 for layer in self.layers]
        for need, layers in NEEDS.items():
            by = [layer for layer in layers if self.has(layer)]
            lines.append(f"{need:<12}" + (f"protected by {', '.join(by)}" if by else
                                          f"NOT PROTECTED: needs {' or '.join(layers)}"))
        return lines

    # ---- probes ---------------------------------------------------------------------------

    def _try_bubblewrap(self):
        if not shutil.which("bwrap"):
            return Layer("bubblewrap", False, "not installed; " + machine.install("bubblewrap"))
        try:
            done = subprocess.run([*self._bubble((), ()), "/usr/bin/true"], capture_output=True,
                                  stdin=subprocess.DEVNULL, check=False, timeout=20)
        except subprocess.TimeoutExpired:
            return Layer("bubblewrap", False, "bwrap hangs")
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
            return Layer("bubblewrap", False, said or f"exit status {done.returncode}")
        return Layer("bubblewrap", True, "namespaces for files, network, processes")

    def _try_user(self):
        if not self.root:
            return Layer("user", False, "only root can change the user; run as root")
        return self._try_confine("user", ["-u", str(new_user())], "uid 61184 to 65279")

    def _try_landlock(self):
        done = subprocess.run([self.confine, "-v"], capture_output=True, check=False, text=True)
        version = done.stdout.strip() or "0"
        if version == "0":
            return Layer("landlock", False, "the kernel has none (5.13 or later, switched on)")
        return self._try_confine("landlock", ["-r", "/:", "-w", ""], f"version {version}")

    def _try_seccomp(self):
        return self._try_confine("seccomp", ["-s"], "sockets and administration are refused")

    def _try_limits(self):
        return self._try_confine("limits", ["-l", limits_text(COMPILER_LIMITS)],
                                 "time, memory, processes, open files, size of files")

    def _try_confine(self, name, options, why):
        done = subprocess.run([self.confine, *options, "/usr/bin/true"], capture_output=True,
                              stdin=subprocess.DEVNULL, check=False, text=True)
        if done.returncode:
            return Layer(name, False, done.stderr.strip() or f"exit status {done.returncode}")
        return Layer(name, True, why)

    # ---- commands -------------------------------------------------------------------------

    def _limits(self, limits):
        """Limits as text. The limit of processes counts all processes of a user, so it is left out
        if the run has neither its own user nor its own namespace."""
        own = self.has("user") or self.has("bubblewrap")
        return limits_text({name: most for name, most in limits.items() if own or name != "nproc"})

    def _bubble(self, readable, writable, extra=(), system=(*SYSTEM, *SETTINGS), network=True):
        """The bwrap command line. The system and these paths are visible, under the same names as
        outside.

        extra    (source, target) pairs of further readable files
        network  whether to remove the network; its namespace takes longer than all others together
        """
        words = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
                 "--unshare-cgroup-try", "--die-with-parent", *["--unshare-net"] * network]
        if self.root:
            words += ["--cap-drop", "ALL"]
            words += [word for name in CAPABILITIES for word in ("--cap-add", name)]
        else:
            words += ["--unshare-user"]
        words += ["--proc", "/proc", "--dev", "/dev"]   # first: a work folder may be in /dev/shm
        system = [path for path in system if os.path.exists(path)]
        for path in dict.fromkeys(above for path in (*system, *readable, *writable)
                                  for above in parents(path)):
            words += ["--perms", "0755", "--dir", path]
        for option, paths in (("--ro-bind", (*system, *readable)), ("--bind", writable)):
            words += [word for path in paths for word in (option, str(path), str(path))]
        for path in LINKS:
            if os.path.islink(path):
                words += ["--symlink", os.readlink(path), path]
            elif os.path.isdir(path):
                words += ["--ro-bind", path, path]
        for source, target in extra:
            words += ["--ro-bind", str(source), target]
        return [*words, "--remount-ro", "/dev", "--remount-ro", "/"]

    def command(self, command, work, readable=(), user=None, limits=None, program=()):
        """The argument list that runs `command` confined: it can read the system and `readable`,
        and write only in the directory `work`. `program`: as for run()."""
        words, confine = [], self.confine
        if self.has("bubblewrap"):
            words = [*self._bubble(readable, [work], [(self.confine, "/confine")]),
                     "--chdir", str(work)]
            confine = "/confine"
        words.append(confine)
        if self.has("limits"):
            words += ["-l", self._limits({**COMPILER_LIMITS, **(limits or {})})]
        if self.has("user") and user:
            words += ["-u", str(user)]
        if self.has("landlock"):
            files = [*SYSTEM, *LINKS, *SETTINGS, "/dev/urandom", "/proc/meminfo", *readable]
            words += ["-r", ":".join(map(str, files)), "-w", f"{work}:/dev/null"]
        refused = ["-s"] + ["-p", "-c"] * bool(program)
        return words + refused * self.has("seccomp") + [*program, *map(str, command)]

    def run(self, command, work, readable=(), user=None, seconds=60, limits=None,
            stdin=subprocess.DEVNULL, program=()):
        """Run a command confined, in the directory `work`, and kill its remaining processes: Done.

        seconds  limit of wall time; `limits` (default: COMPILER_LIMITS) limits processor time
        stdin    a file
        program  options of confine for a test program, which then is allowed the same system calls
                 as a traced one
        """
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TMPDIR": str(work),
                       "HOME": str(work)}
        words = self.command(command, work, readable, user, limits, program)
        return bounded(words, work, environment, seconds, stdin)

    def tracer(self, words_for, place, guard, configuration, environment):
        """(argument list, environment) that run a tracer and, under it, a program from `place`.

        words_for(path)  the tracer's argument list if its configuration is at `path`
        """
        if self.has("limits"):
            environment["GUARD_LIMITS"] = self._limits(PROGRAM_LIMITS)
        if self.has("seccomp"):
            environment["GUARD_STRICT"] = "1"
        if self.has("landlock"):
            environment["GUARD_READABLE"] = ":".join([*SYSTEM, *LINKS, *SETTINGS, place])
        if not self.has("bubblewrap"):
            return words_for(configuration), environment
        if self.has("user"):
            environment["GUARD_USER"] = str(new_user())     # in the namespace, all pids are equal
        environment["LD_PRELOAD"] = "/guard.so"
        files = [(guard, "/guard.so"), (configuration, "/ltrace.conf")]
        words = self._bubble([place], [], files, (*TO_RUN, SETTINGS[0]), not self.has("seccomp"))
        for name, value in environment.items():
            words += ["--setenv", name, value]
        return [*words, "--chdir", os.path.join(place, "cwd.d"),
                *words_for("/ltrace.conf")], {"PATH": "/usr/bin:/bin"}


def bounded(words, work, environment, seconds, stdin=subprocess.DEVNULL):
    """Run a command line in the directory `work` for at most `seconds`, and kill its remaining
    processes: Done."""
    with build.FORKING:
        process = subprocess.Popen(
            words, cwd=work, env=environment, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, stopped = read_bounded(process.stdout, time.monotonic() + seconds)
        if not stopped:
            process.wait(5)
    except subprocess.TimeoutExpired:
        stopped = "time"
    finally:
        kill_group(process.pid)
        status = process.wait()
        process.stdout.close()
    return Done(status, output.decode("utf-8", "replace"), stopped)


def read_bounded(file, deadline):
    """(the bytes read from a pipe, why reading stopped before its end: 'time', 'output', or '' at
    the end)."""
    kept = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                return bytes(kept), "time"
            data = os.read(file.fileno(), CHUNK)
            if not data:
                return bytes(kept), ""
            kept += data
            if len(kept) > OUTPUT_MOST:
                return bytes(kept[:OUTPUT_MOST]), "output"


def kill_group(number):
    """Kill all processes of a process group."""
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        pass
