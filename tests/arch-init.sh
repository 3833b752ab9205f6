#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The first process of the emulated machine of tests/arch.sh: runs the steps, switches off.
# Each step reports "STEP name passed|failed (why)"; the last line is "ENDED".
# The kernel passes TEST on from its command line: if it is set, only these tests are run.

export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
ln -s /proc/self/fd /dev/fd
cd /osmem || exit

# step NAME PATTERN COMMAND...: passes if the command succeeds and prints a line like PATTERN
step() {
    name=$1 pattern=$2
    shift 2
    "$@" </dev/null >"/tmp/$name.log" 2>&1
    status=$?
    cat "/tmp/$name.log"
    line=$(grep -E "$pattern" "/tmp/$name.log" | tail -n 1)
    if [ "$status" -eq 0 ] && [ "$line" ]; then
        echo "STEP $name passed $line"
    else
        echo "STEP $name failed exit status $status, ${line:-no line like $pattern}"
    fi
}

uname -rm
step build . make
if [ "$(getconf PAGESIZE)" = 4096 ] && [ -z "$TEST" ]; then
    step doctor '^ok   ptrace' python3 tests/run_tests.py --doctor
    step suite '^Total: 90/90$' python3 tests/run_tests.py --timeout 300
fi
step family '[0-9]+ passed' python3 -m pytest -q tests/test_family.py -k "$TEST"
echo ENDED
echo o >/proc/sysrq-trigger
sleep 60
