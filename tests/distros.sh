#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Try the last commit on other distributions: a fresh minimal root for each, made by debootstrap.
# Usage: tests/distros.sh [NAME ...]     all, or of: bookworm trixie jammy noble; as root
# In each root: make demo, the traced suite (90/90), the grader on this library (90/90, and 100
# where checkpatch.pl is to be had), make check. Logs: tests/build/distros/NAME-STEP.log.
# DEBIAN_MIRROR and UBUNTU_MIRROR name a mirror instead of debootstrap's own choice. A distribution
# whose mirror does not answer is skipped by name.
# Exit status: 0 nothing failed, 1 something failed, 2 bad usage or a missing tool.

set -euo pipefail
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
place=$top/tests/build/distros
declare -A count=([passed]=0 [failed]=0 [skipped]=0)

# Distribution -> the debootstrap script that makes it: older debootstraps do not know newer names.
declare -A script=([bookworm]=sid [trixie]=sid [jammy]=gutsy [noble]=gutsy)

die() {
    echo "distros: $1" >&2
    exit 2
}

# verdict NAME STEP OUTCOME [WHY]: one line, and count it
verdict() {
    printf '%-9s %-10s %s%s\n' "$1" "$2" "$3" "${4:+   ($4)}"
    count[$3]=$((count[$3] + 1))
}

# The mirror that a debootstrap script would use if this machine had the distribution's keyring.
# Without the keyring, debootstrap takes Debian's mirror for Ubuntu as well.
# The script reads the variables and calls the function.
# shellcheck disable=SC1090,SC2034,SC2317
mirror_of() (
    default_mirror() { echo "$1"; exit; }
    ARCH=$(dpkg --print-architecture) SUITE=$1
    source "/usr/share/debootstrap/scripts/${script[$1]}"
)

# The mirror to name to debootstrap; nothing: its default.
mirror() {
    case ${script[$1]} in
        gutsy) echo "${UBUNTU_MIRROR:-$(mirror_of "$1")}" ;;
        *) echo "${DEBIAN_MIRROR:-}" ;;
    esac
}

# Make NAME's minimal system, once: $place/NAME.tar
download() {
    local name=$1 components=main
    [[ ! -e $place/$name.tar ]] || return 0
    [[ ${script[$name]} != gutsy ]] || components=main,universe
    rm -rf "${place:?}/$name"
    debootstrap --variant=minbase --components="$components" "$name" "$place/$name" \
        "$(mirror "$name")" "${script[$name]}" >"$place/$name-debootstrap.log" 2>&1 &&
        tar -C "$place/$name" -cf "$place/$name.tar.new" . &&
        mv "$place/$name.tar.new" "$place/$name.tar"
}

# A root as it comes from the mirror, with the last commit in /osmem. What was there is removed.
unpack() {
    rm -rf "${place:?}/$1"
    mkdir -p "$place/$1"
    tar -C "$place/$1" -xpf "$place/$1.tar"
    mkdir "$place/$1/osmem"
    git -C "$top" -c "safe.directory=*" archive HEAD | tar -C "$place/$1/osmem" -x
}

# inside NAME COMMAND...: as root of that system, in /osmem; nothing stays mounted afterwards
inside() {
    local root=$place/$1
    shift
    bwrap --bind "$root" / --dev /dev --proc /proc --perms 1777 --tmpfs /tmp \
        --ro-bind /etc/resolv.conf /etc/resolv.conf --ro-bind /etc/hosts /etc/hosts \
        --unshare-pid --unshare-ipc --die-with-parent --new-session --cap-add ALL \
        --clearenv --setenv PATH /usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
        --setenv HOME /root --setenv LC_ALL C.UTF-8 --chdir /osmem -- "$@"
}

# step NAME STEP PATTERN COMMAND...: passes if the command succeeds and prints a line like PATTERN
step() {
    local name=$1 what=$2 pattern=$3 log=$place/$1-$2.log line status=0
    shift 3
    inside "$name" "$@" >"$log" 2>&1 </dev/null || status=$?
    line=$(grep -E "$pattern" "$log" | tail -n 1) || true
    if ((status == 0)) && [[ $line ]]; then
        verdict "$name" "$what" passed "$line"
    else
        verdict "$name" "$what" failed "exit status $status, ${line:-no line like $pattern}; see $log"
    fi
}

try() {
    if ! download "$1"; then
        local reason outcome=failed
        reason=$(grep -E '^E:' "$place/$1-debootstrap.log" | tail -n 1) || true
        [[ $reason != *"getting release"* ]] || outcome=skipped
        verdict "$1" root "$outcome" "${reason:-see $place/$1-debootstrap.log}"
        return
    fi
    unpack "$1"
    inside "$1" apt-get install -y -qq make >"$place/$1-make.log" 2>&1 ||
        { verdict "$1" make failed "see $place/$1-make.log"; return; }
    step "$1" demo '^heap' make demo
    step "$1" suite '^Total: 90/90$' python3 tests/run_tests.py
    inside "$1" checker/deps.sh staff >"$place/$1-staff.log" 2>&1 || true
    step "$1" grade '^Total: (100/100|90/90 )' checker/grade .
    step "$1" check '^[0-9]+ passed, 0 failed' make check
    rm -rf "${place:?}/$1"
}

names=("$@")
((${#names[@]})) || names=(bookworm trixie jammy noble)
for name in "${names[@]}"; do
    [[ ${script[$name]:-} ]] || die "there is no '$name'; name some of bookworm trixie jammy noble"
done
((EUID == 0)) || die "debootstrap needs root; run: sudo tests/distros.sh $*"
for tool in debootstrap bwrap git; do
    command -v "$tool" >/dev/null || die "$tool is missing; run: checker/deps.sh distros"
done

mkdir -p "$place"
for name in "${names[@]}"; do
    try "$name"
done
echo "${count[passed]} passed, ${count[failed]} failed, ${count[skipped]} skipped"
((count[failed] == 0))
