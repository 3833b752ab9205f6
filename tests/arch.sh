#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Try the last commit on arm64: a whole emulated machine with Debian 13's kernel, C library, gcc
# and ltrace. qemu-user has no ptrace, so the traced suite needs a machine.
# Usage: tests/arch.sh [KERNEL ...]      4k, 16k: the size of a page; both if none is named; as root
# On 4k: the build, the doctor, the traced suite (90/90). On both: the tests of libosmalloc.
# TEST=EXPRESSION: the build and these tests of libosmalloc alone (pytest -k, without a space).
# The whole system is the kernel's initramfs: no disk, no module, no network.
# Log: tests/build/arch/KERNEL.log. DEBIAN_MIRROR names a mirror; skipped if it does not answer.
# Exit status: 0 nothing failed, 1 something failed, 2 bad usage or a missing tool.

set -euo pipefail
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
place=$top/tests/build/arch
declare -A count=([passed]=0 [failed]=0 [skipped]=0)
declare -A package=([4k]=linux-image-arm64 [16k]=linux-image-arm64-16k)
packages=gcc,g++,libc6-dev,make,ltrace,python3,python3-pytest
hours=3                 # after which a machine that hangs is switched off

die() {
    echo "arch: $1" >&2
    exit 2
}

# verdict KERNEL STEP OUTCOME [WHY]: one line, and count it
verdict() {
    printf '%-4s %-8s %s%s\n' "$1" "$2" "$3" "${4:+   ($4)}"
    count[$3]=$((count[$3] + 1))
}

# Fetch all packages and unpack those of the system, once: $place/system. Nothing of it is run here.
download() {
    [[ ! -e $place/system/fetched ]] || return 0
    rm -rf "${place:?}/system"
    debootstrap --arch=arm64 --foreign --variant=minbase \
        --include="$packages,$(IFS=,; echo "${package[*]}")" \
        trixie "$place/system" "${DEBIAN_MIRROR:-}" sid >"$place/debootstrap.log" 2>&1 &&
        unpack >>"$place/debootstrap.log" 2>&1 && touch "$place/system/fetched"
}

# Unpack the rest; their installation scripts would need the machine. What those would have done
# and is needed here: users, the compiler's short names.
unpack() {
    local deb root=$place/system
    for deb in "$root"/var/cache/apt/archives/*.deb; do
        case $deb in
            */linux-image-arm64*) ;;
            */linux-image-*) dpkg-deb --fsys-tarfile "$deb" | tar -C "$place" -x ./boot ;;
            *) dpkg-deb --fsys-tarfile "$deb" | tar -C "$root" -x --keep-directory-symlink ;;
        esac
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    ln -sf gcc "$root/usr/bin/cc"
    rm -f "$root/proc"
    mkdir -p "$root/proc"
}

# The system with the last commit in /osmem, as an archive that the kernel unpacks.
pack() {
    local root=$place/system
    rm -rf "${root:?}/osmem"
    mkdir "$root/osmem"
    git -C "$top" -c "safe.directory=*" archive HEAD | tar -C "$root/osmem" -x
    install -m 755 "$top/tests/arch-init.sh" "$root/init"
    (cd "$root" && find . \( -path ./var/cache -o -path ./usr/share/doc -o -path ./usr/share/man \) \
        -prune -o -print0 | cpio --null --quiet -o -H newc) >"$place/initramfs"
}

# Boot a kernel; the guest's console is the log. A cortex-a72 would have no pages of 16 KiB.
boot() {
    timeout "${hours}h" qemu-system-aarch64 -M virt -cpu cortex-a76 -smp 2 -m 6G -nographic \
        -no-reboot -nic none -kernel "$2" -initrd "$place/initramfs" \
        -append "console=ttyAMA0 rdinit=/init panic=-1 quiet TEST=${TEST:-}" >"$place/$1.log" 2>&1 </dev/null
}

# try KERNEL: a verdict for each step that the guest reports: "STEP: WORD (WHY)"
try() {
    local name=$1 kernel step outcome why
    kernel=$(compgen -G "$place/boot/vmlinuz-*-arm64$([[ $name == 4k ]] || echo "-$name")") ||
        { verdict "$name" kernel failed "no kernel in $place/boot"; return; }
    boot "$name" "$kernel" || true
    while read -r _ step outcome why; do
        verdict "$name" "$step" "$outcome" "$why"
    done < <(tr -d '\r' <"$place/$name.log" | grep '^STEP ')
    grep -q '^ENDED' "$place/$name.log" || verdict "$name" machine failed "see $place/$name.log"
}

names=("$@")
((${#names[@]})) || names=(4k 16k)
for name in "${names[@]}"; do
    [[ ${package[$name]:-} ]] || die "there is no '$name'; name 4k or 16k"
done
[[ ${TEST:-} != *[[:space:]]* ]] || die "TEST may not have a space: '$TEST'"
((EUID == 0)) || die "debootstrap needs root; run: sudo tests/arch.sh $*"
for tool in debootstrap cpio git qemu-system-aarch64; do
    command -v "$tool" >/dev/null || die "$tool is missing; run: checker/deps.sh arch"
done

mkdir -p "$place"
if download; then
    pack
    for name in "${names[@]}"; do
        try "$name"
    done
else
    reason=$(grep -E '^E:' "$place/debootstrap.log" | tail -n 1) || true
    outcome=failed
    [[ $reason != *"getting release"* ]] || outcome=skipped
    verdict arm64 root "$outcome" "${reason:-see $place/debootstrap.log}"
fi
echo "${count[passed]} passed, ${count[failed]} failed, ${count[skipped]} skipped"
((count[failed] == 0))
