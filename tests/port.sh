#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Build the libraries as they are in this tree for another C library or processor, and test them.
# Usage: tests/port.sh musl|arm64|riscv64 ...
# musl: Debian's musl-gcc. arm64, riscv64: Debian's cross compiler, and programs run by qemu-user.
# TEST=EXPRESSION: the build and these tests of libosmalloc alone (pytest -k, without a space).
# Log: tests/build/port/NAME.log. Exit status: 0 nothing failed, 1 something failed, 2 bad usage.

set -euo pipefail
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
declare -A count=([passed]=0 [failed]=0)

die() {
    echo "port: $1" >&2
    exit 2
}

# step NAME STEP PATTERN COMMAND...: passes if the command succeeds and prints a line like PATTERN
step() {
    local name=$1 step=$2 pattern=$3 status=0 outcome=failed line
    shift 3
    "$@" </dev/null >"$place/$step.log" 2>&1 || status=$?
    cat "$place/$step.log" >>"$place.log"
    line=$(grep -E "$pattern" "$place/$step.log" | tail -n 1) || true
    ((status)) || [[ ! $line ]] || outcome=passed
    [[ $outcome == passed ]] || line="${line:-no line like $pattern}; see $place.log"
    printf '%-8s %-9s %s   (%s)\n' "$name" "$step" "$outcome" "$line"
    count[$outcome]=$((count[$outcome] + 1))
}

# musl-gcc finds musl's headers only, but a test needs the kernel's. And musl has no name for the
# type of a limit.
set_up_musl() {
    mkdir -p "$place/headers"
    ln -sfn /usr/include/linux /usr/include/asm-generic "$place/headers"
    ln -sfn "/usr/include/$(gcc -dumpmachine)/asm" "$place/headers"
    export CC="musl-gcc -isystem $place/headers -D__rlimit_resource_t=int"
}

# cross TRIPLET PROCESSOR: the tools for it, and what runs its programs
cross() {
    export CC=$1-gcc AR=$1-ar LD=$1-ld OBJCOPY=$1-objcopy
    export PORT_EMULATOR=qemu-$2 QEMU_LD_PREFIX=/usr/$1
}

set_up_arm64() { cross aarch64-linux-gnu aarch64; }
set_up_riscv64() { cross riscv64-linux-gnu riscv64; }

build() {
    make -C "$top/src" "O=$place/src" &&
        make -C "$top/osmalloc" "O=$place/osmalloc" &&
        make -C "$top/osmalloc" HARDENED=1 "O=$place/hardened" &&
        make -C "$top/compat" "O=$place/compat" &&
        echo built
}

# family LIBRARY ARGUMENT...: the tests of libosmalloc, preloaded or, if it is an archive, linked
family() {
    local link=() library=$1
    shift
    case $library in
        *.a) link=(-static "$library") ;;
        *) [[ $CC != musl* ]] || link=("$library") ;;   # whose C library lacks some of the family
    esac
    OSMALLOC=$library PORT_LINK=${link[*]} \
        "$python" -m pytest -q -rs "$top/tests/test_family.py" "$@"
}

# The programs of the traced suite, which check contents themselves; here nobody traces them.
osmem() {
    local source tried=0
    for source in "$top"/tests/snippets/*.c; do
        # shellcheck disable=SC2086
        $CC -std=gnu11 -O1 -I"$top/utils" "$source" "$place/src/libosmem.so" -pthread \
            -o "$place/snippet" || return 1
        ${PORT_EMULATOR:-} "$place/snippet" || { echo "$source: exit status $?"; return 1; }
        tried=$((tried + 1))
    done
    echo "$tried passed"
}

try() {
    local name=$1 passed='[0-9]+ passed'
    place=$top/tests/build/port/$name
    mkdir -p "$place"
    : >"$place.log"
    "set_up_$name"
    export PORT_CC=$CC PORT_LIBRARIES=$place
    step "$name" build '^built$' build
    step "$name" family "$passed" family "$place/osmalloc/libosmalloc.so" -k "${TEST:-}"
    [[ ! ${TEST:-} ]] || return 0
    # Freed slots rest in the hardened build, and with them their pages.
    step "$name" hardened "$passed" family "$place/hardened/libosmalloc.so" \
        -k 'test_subject and not memory'
    [[ $name != musl ]] || step "$name" static "$passed" family "$place/osmalloc/libosmalloc.a"
    # qemu-user keeps no limits, and may end after a fork beside threads.
    step "$name" stress "$passed" "$python" -m pytest -q "$top/tests/test_stress.py" \
        -k "plain${PORT_EMULATOR:+ and not (limits or forks or maps or reach)}"
    step "$name" osmem "$passed" osmem
}

(($#)) || die "name some of musl arm64 riscv64"
for name in "$@"; do
    [[ $(type -t "set_up_$name") ]] || die "there is no '$name'; name some of musl arm64 riscv64"
done
[[ ${TEST:-} != *[[:space:]]* ]] || die "TEST may not have a space: '$TEST'"
python=$("$top/checker/python.sh") || die "no python3 has pytest; run: checker/deps.sh"
cd "$top"
for name in "$@"; do
    (try "$name"; printf '%s %s\n' "${count[passed]}" "${count[failed]}" >"$place.count")
    read -r passed failed <"$top/tests/build/port/$name.count"
    count[passed]=$((count[passed] + passed)) count[failed]=$((count[failed] + failed))
done
echo "${count[passed]} passed, ${count[failed]} failed"
((count[failed] == 0))
