#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Install the missing packages on Debian or Ubuntu without asking questions.
# Usage: checker/deps.sh [--list|-q] [student|staff|developer|distros|arch|port]
# The roles are (developer if none is named):
#   student    to build, run and trace: make demo, tests/run_tests.py
#   staff      also to grade: checker/grade
#   developer  also for everything else: make check
#   distros    for make distros
#   arch       for make check-arch
#   port       for make check-musl and make check-cross
# --list only prints the missing packages, one a line; -q prints nothing if none is missing. If
# another process holds dpkg's lock, waits for it.
# Exit status: 0 all packages are installed, 2 one is missing and could not be installed.

set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)

die() {
    echo "osmem: $1" >&2
    exit 2
}

has() { command -v "$1" >/dev/null; }

# One line per requirement: a test whether it is installed, else the package that provides it.
missing_student() {
    has gcc || echo gcc                         # compiles everything
    [[ -e /usr/include/stdio.h ]] || echo libc6-dev     # the C library's headers
    has make || echo make                       # the Makefiles
    has ltrace || echo ltrace                   # the traced suite: every call and system call
    has valgrind || echo valgrind               # memory checks; also its client-request headers
    has python3 || echo python3                 # the suite
}

missing_staff() {
    missing_student
    has clang || echo clang                     # the second compiler of the lint
    has bwrap || echo bubblewrap                # the sandbox of the checker
    has parallel || echo parallel               # a class on several machines
    # Runs checkpatch.pl; a minimal system has a perl without the standard modules.
    perl -MTerm::ANSIColor -e 1 2>/dev/null || echo perl
}

missing_developer() {
    missing_staff
    has g++ || echo g++                         # C++ programs use the public headers too
    has spin || echo spin                       # checks the model of osmalloc's remote frees
    has shellcheck || echo shellcheck           # lint of the scripts
    "$here/python.sh" >/dev/null ||
        echo python3 python3-pytest python3-pytest-xdist python3-hypothesis python3-flake8
}

missing_distros() {
    has debootstrap || echo debootstrap         # makes a minimal system from a mirror
    has bwrap || echo bubblewrap                # runs commands in it; nothing stays mounted
    has git || echo git                         # the last commit
}

missing_arch() {
    has debootstrap || echo debootstrap         # fetches an arm64 system from a mirror
    has cpio || echo cpio                       # packs it as the kernel's initial file system
    has qemu-system-aarch64 || echo qemu-system-arm     # emulates the machine
    has git || echo git                         # the last commit
}

missing_port() {
    missing_developer
    has musl-gcc || echo musl-tools             # compiles for musl
    # Compile for another processor, with its C library; qemu-user runs the programs.
    has aarch64-linux-gnu-gcc || echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    has riscv64-linux-gnu-gcc || echo gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
    has qemu-riscv64 || echo qemu-user
}

missing() { "missing_$role" | tr ' ' '\n' | sort -u; }

# Print the prefix that runs a command as root, or fail.
as_root() {
    if ((EUID == 0)); then
        echo env
    elif has sudo && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
        echo sudo
    else
        return 1
    fi
}

list="" quiet=""
[[ ${1:-} != --list ]] || { list=yes; shift; }
[[ ${1:-} != -q ]] || { quiet=yes; shift; }
role=${1:-developer}
case $role in
    student | staff | developer | distros | arch | port) ;;
    *) die "there is no '$role'; name student, staff, developer, distros, arch or port" ;;
esac

# Not mapfile with <(...), which needs /proc. No package has a blank in its name.
# shellcheck disable=SC2207
packages=($(missing))
if [[ $list ]]; then
    ((${#packages[@]} == 0)) || printf '%s\n' "${packages[@]}"
    exit 0
fi
if ((${#packages[@]} == 0)); then
    [[ $quiet ]] || echo "osmem: everything for the role $role is installed"
    exit 0
fi

by_hand="apt-get install -y --no-install-recommends ${packages[*]}"
has apt-get || die "missing: ${packages[*]}; not Debian or Ubuntu: install the equivalent packages"
root=$(as_root) || die "missing: ${packages[*]}; run as root: $by_hand"

echo "osmem: installing ${packages[*]}"
options=(-qq -o "Dpkg::Use-Pty=0" -o "DPkg::Lock::Timeout=600")
"$root" DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" update ||
    echo "osmem: apt-get update failed; trying with the existing package lists" >&2
"$root" DEBIAN_FRONTEND=noninteractive \
    apt-get "${options[@]}" install -y --no-install-recommends "${packages[@]}" >/dev/null ||
    die "apt-get could not install ${packages[*]}; see above, then run as root: $by_hand"
still=$(missing | tr '\n' ' ')
[[ -z $still ]] || die "still missing after the installation: $still"
