# SPDX-License-Identifier: BSD-3-Clause
"""Real programs with an allocator preloaded, each with some work written for it.

A program's standard output is kept: it has to be the same with every allocator.
"""

import shutil
import subprocess
import time
from collections import namedtuple
from pathlib import Path

from . import allocators, driver

SCRIPTS = driver.HERE / "family" / "programs"
FUNCTIONS = 80              # of the program that the compiler gets
REQUESTS = 30000            # of each kind that redis gets
START_SECONDS = 20          # until a server must answer

# name: the row; needs: programs; packages: that bring them; run: a function, (launch, library,
# scratch folder) -> (standard output, {figure: number}).
Program = namedtuple("Program", "name needs packages run")


def launched(launch, library, scratch, command, environment=()):
    """Run one command with the library preloaded: (its output, {figure: number}).

    environment: words NAME=VALUE, for it alone.
    """
    figures = scratch / "figures"
    output = driver.run_tool(["env", *environment, launch, library, figures, *command], command[0],
                             cwd=scratch)
    return output, read_figures(figures.read_text())


def read_figures(text):
    """{name: number} of lines "name number"."""
    return {name: int(number) for name, number in (line.split() for line in text.splitlines())}


def run_python(launch, library, scratch):
    """PYTHONMALLOC: else most objects never reach malloc."""
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else "python3"
    return launched(launch, library, scratch, [python, "-S", SCRIPTS / "words.py"],
                    ["PYTHONMALLOC=malloc", "PYTHONHASHSEED=0"])


def run_perl(launch, library, scratch):
    """Without the seed its hashes would differ from run to run."""
    return launched(launch, library, scratch, ["perl", SCRIPTS / "words.pl"], ["PERL_HASH_SEED=0"])


def run_lua(launch, library, scratch):
    """The interpreter of the distribution."""
    return launched(launch, library, scratch, ["lua5.4", SCRIPTS / "objects.lua"])


def run_sqlite(launch, library, scratch):
    """A database in memory."""
    return launched(launch, library, scratch,
                    ["sqlite3", ":memory:", f".read {SCRIPTS / 'orders.sql'}"])


def source(functions):
    """A C program for the compiler: that many functions, no two alike."""
    parts = ["struct pair { long a, b; struct pair *next; };"]
    for i in range(functions):
        cases = "\n".join(f"\tcase {n}: p->a += f{max(i - 1, 0)}(p->next, n - {n + 1}); break;"
                          for n in range(i % 7 + 3))
        parts.append(
            f"__attribute__((noinline)) long f{i}(struct pair *p, long n)\n{{\n\tlong sum = {i};\n"
            f"\tfor (long i = 0; i < n; i++) {{\n\t\tsum += p->a * i ^ {i * 7919};\n"
            f"\t\tif (sum % {i + 2} == 0 && p->next)\n\t\t\tp = p->next;\n"
            f"\t\telse\n\t\t\tp->b -= sum >> {i % 13};\n\t}}\n"
            f"\tswitch (n) {{\n{cases}\n\tdefault: p->b = sum;\n\t}}\n\treturn sum + p->b;\n}}")
    return "\n".join(parts) + "\n"


def run_gcc(launch, library, scratch):
    """The compiler proper, without the driver in front of it."""
    compiler = driver.run_tool(["gcc", "-print-prog-name=cc1"], "gcc").strip()
    (scratch / "source.c").write_text(source(FUNCTIONS))
    _, figures = launched(launch, library, scratch,
                          [compiler, "-quiet", "-O2", "source.c", "-o", "source.s"])
    return (scratch / "source.s").read_text(), figures


def run_redis(launch, library, scratch):
    """The server's figures; its client has the C library's malloc. No port, a socket in scratch.

    redis-check-rdb is the server when it is called by its name, and its package starts no service.
    """
    socket, figures, program = (scratch / name for name in ("socket", "figures", "redis-server"))
    program.symlink_to(shutil.which("redis-check-rdb"))
    server = subprocess.Popen(
        [launch, library, figures, program, "--port", "0", "--unixsocket", socket,
         "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", scratch,
         "--logfile", scratch / "log"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = ["redis-cli", "-s", socket]
    try:
        await_answer(server, client)
        driver.run_tool(["redis-benchmark", "-s", socket, "-q", "-n", REQUESTS, "-r", 50000, "-P",
                         32, "-c", 10, "-d", 200, "-t", "set,get,lpush,lpop,sadd,hset,zadd,mset"],
                        "redis-benchmark")
        output = driver.run_tool([*client, "llen", "mylist"], "redis-cli")
    finally:
        subprocess.run([str(word) for word in [*client, "shutdown", "nosave"]], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end(server)
    return output, read_figures(figures.read_text())


def end(server):
    """Wait for a server that has been told to end, or kill it."""
    try:
        server.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def await_answer(server, client):
    """Return when redis answers, BenchError when it will not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        done = subprocess.run([str(word) for word in [*client, "ping"]], capture_output=True,
                              text=True, check=False)
        if done.stdout.strip() == "PONG":
            return
        time.sleep(0.02)
    raise driver.BenchError("redis-server: does not answer with this allocator preloaded")


PROGRAMS = [
    Program("python", ["python3"], ["python3"], run_python),
    Program("sqlite", ["sqlite3"], ["sqlite3"], run_sqlite),
    Program("lua", ["lua5.4"], ["lua5.4"], run_lua),
    Program("perl", ["perl"], ["perl"], run_perl),
    Program("gcc", ["gcc"], ["gcc"], run_gcc),
    Program("redis", ["redis-check-rdb", "redis-benchmark", "redis-cli"], ["redis-tools"],
            run_redis),
]


def find(wanted):
    """(those of the programs that can be run, [a line for each that is left out])."""
    found, missing = [], []
    for program in wanted:
        reason = None if _has_all(program) else allocators.install(program.packages)
        if reason or not _has_all(program):
            missing.append(f"{program.name} is left out: {reason or 'not in its package'}")
        else:
            found.append(program)
    return found, missing


def _has_all(program):
    return all(shutil.which(need) for need in program.needs)
