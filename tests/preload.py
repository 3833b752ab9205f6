#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run programs that everybody knows with libosmalloc preloaded, and compare what they print.

Usage: preload.py [NAME ...]      all cases, or those named; `make preload-check` runs all

A case prints the same with the C library's malloc, or it says nothing about ours: both are run.
What is not installed is skipped by name. Exit status: 0 all the same, 1 not, 2 bad usage.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "osmalloc/libosmalloc.so"
SECONDS = 3600      # a case that takes longer hangs, on a busy machine as well

POOL = """
import concurrent.futures as f, hashlib, multiprocessing, threading
def work(n):
    return hashlib.sha256("".join(map(str, range(n, n + 20000))).encode()).hexdigest()
with f.ThreadPoolExecutor(8) as threads: print(*list(threads.map(work, range(16)))[-1:])
with multiprocessing.get_context("fork").Pool(4) as pool: print(*pool.map(work, range(16))[-1:])
"""
HELLO = 'int main(void) { return puts(\\"hello\\") < 0; }'
JAVA = """public class A { public static void main(String[] a) throws Exception {
java.util.Map<Integer,String> m = new java.util.concurrent.ConcurrentHashMap<>();
Thread[] t = new Thread[4]; for (int k = 0; k < 4; k++) { final int b = k * 50000;
t[k] = new Thread(() -> { for (int i = b; i < b + 50000; i++) m.put(i, "v" + i); }); t[k].start(); }
for (Thread x : t) x.join(); System.out.println(m.size()); } }"""

REDIS = """
redis-server --port 0 --unixsocket $PWD/s --save '' --dir $PWD --logfile log --daemonize no &
until redis-cli -s s ping > pong 2>&1; do sleep 0.1; done
for i in $(seq 300); do echo "SET k$i $(seq -s, $i)"; done | redis-cli -s s > answers
redis-cli -s s bgsave
sleep 1
redis-cli -s s dbsize
redis-cli -s s get k50
test -s dump.rdb && echo saved
redis-cli -s s shutdown nosave
wait $!
"""
OSMEM = f"""
cp -r {ROOT}/src {ROOT}/osmalloc {ROOT}/compat {ROOT}/utils {ROOT}/tests .
cp -r {ROOT}/checker {ROOT}/pytest.ini .
make -s -C src clean && make -s -C src && ls src/*.so
$(checker/python.sh) -m pytest -q tests/test_sizeclass.py tests/test_model.py |
        sed 's/ in .*//' | tail -1
"""

# Name -> (programs that it needs, shell commands, which print the same every time).
CASES = {
    "bash": (["bash"], "for i in {1..3000}; do a[i]=x$i; done; "
                       "echo ${#a[@]} $(echo ${a[@]} | md5sum)"),
    "perl": (["perl"], "perl -e 'for (1..200000) { $h{$_ % 5000} .= chr(65 + $_ % 26) } "
                       "print length(join \"\", map { $h{$_} } sort keys %h), \"\\n\"'"),
    "python3": (["python3"], f"PYTHONMALLOC=malloc python3 - <<'END'\n{POOL}END"),
    "git": (["git"], "git init -q . && for i in $(seq 50); do seq $i > f$i; done && git add . && "
                     "git -c user.name=n -c user.email=e@example.org commit -qm m && "
                     "git gc -q --aggressive && git fsck && git ls-files | wc -l"),
    "gcc": (["gcc"], f"printf '#include <stdio.h>\\n{HELLO}\\n' > h.c && "
                     "gcc -O2 -flto h.c -o h && ./h"),
    "g++": (["g++"], "printf '#include <iostream>\\n#include <map>\\n#include <string>\\n"
                     "int main() { std::map<std::string, int> m; for (int i = 0; i < 9999; i++) "
                     "m[std::to_string(i)] = i; std::cout << m.size() << std::endl; }\\n' "
                     "> h.cc && g++ -O2 h.cc -o h && ./h"),
    "sqlite3": (["sqlite3"], "sqlite3 a.db 'create table t(a, b); with recursive c(x) as (select 1 "
                             "union all select x + 1 from c where x < 100000) insert into t select "
                             "x, hex(x * 7) from c; create index i on t(b); select count(*), "
                             "sum(a), max(b) from t; vacuum;'"),
    "node": (["node"], "node -e 'const a = []; for (let i = 0; i < 300000; i++) "
                       "a.push({i, s: \"x\" + i}); console.log(JSON.stringify(a).length)'"),
    "java": (["javac", "java"], f"cat > A.java <<'END'\n{JAVA}\nEND\njavac A.java && java A"),
    "redis": (["redis-server", "redis-cli"], REDIS),
    "osmem": (["make", "gcc"], OSMEM),
}


def output(commands, library):
    """What a case prints, in a folder of its own; with its exit status when that is not 0."""
    variables = {**os.environ, "LC_ALL": "C", **({"LD_PRELOAD": str(library)} if library else {})}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["bash", "-c", commands], cwd=folder, env=variables, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS)
    return done.stdout + (f"exit status {done.returncode}\n" if done.returncode else "")


def verdict(name):
    """(\"passed\", \"failed\" or \"skipped\", why) of a case."""
    needs, commands = CASES[name]
    missing = [program for program in needs if not shutil.which(program)]
    if missing:
        return "skipped", f"no {missing[0]}: apt-get install it"
    expected = output(commands, None)
    if "exit status" in expected or not expected:
        return "failed", f"without osmalloc, too: {expected!r}"
    found = output(commands, LIBRARY)
    return ("passed", "") if found == expected else ("failed", f"{found!r} is not {expected!r}")


def main(names):
    """Exit status of the command."""
    unknown = [name for name in names if name not in CASES]
    if unknown:
        print(f"preload.py: no case {unknown[0]}: there are {', '.join(CASES)}", file=sys.stderr)
        return 2
    if not LIBRARY.is_file():
        print(f"preload.py: no {LIBRARY}: build it with make", file=sys.stderr)
        return 2
    failed = 0
    for name in names or CASES:
        what, why = verdict(name)
        failed += what == "failed"
        print(f"{name:8} {what}  {why}".rstrip(), flush=True)
        if what == "failed":
            print(f"         again: python3 tests/preload.py {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
