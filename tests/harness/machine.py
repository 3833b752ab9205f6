# SPDX-License-Identifier: BSD-3-Clause
"""Remedies that depend on the machine: how to install packages, why a program cannot be traced.

Every function takes the files that it reads as parameters.
"""

import os
import pathlib
import platform

OS_RELEASE = "/etc/os-release"
PROC = "/proc"
CONTAINER_SIGNS = ("/.dockerenv", "/run/.containerenv")
# A word of ID or ID_LIKE in os-release -> (the command, {Debian's name of a package: its own}).
INSTALLERS = {
    "debian": ("apt-get install", {}),
    "ubuntu": ("apt-get install", {}),
    "fedora": ("dnf install", {"libc6-dev": "glibc-devel", "linux-libc-dev": "kernel-headers"}),
    "arch": ("pacman -S", {"libc6-dev": "glibc", "linux-libc-dev": "linux-api-headers",
                           "python3": "python"}),
    "suse": ("zypper install", {"libc6-dev": "glibc-devel",
                                "linux-libc-dev": "linux-glibc-devel"}),
}
CONTAINER = ("start the container with --cap-add=SYS_PTRACE --security-opt seccomp=unconfined "
             "(docker run, podman run)")
EMULATED = ("an emulated processor has no ptrace: use a container image or a virtual machine for "
            "this computer's processor (docker run --platform linux/arm64 on Arm)")
WSL1 = "this is WSL 1, which has no Linux kernel: convert it: wsl --set-version DISTRIBUTION 2"
ARM = ("on Arm the suite needs ltrace 0.7.91, as in Debian 13; Debian 12 has no ltrace for Arm")


def words_of(release=OS_RELEASE):
    """The words of ID and then ID_LIKE in os-release; none if that file is missing."""
    try:
        lines = pathlib.Path(release).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    parts = [line.partition("=") for line in lines]
    values = {name: value.strip("\"'") for name, _, value in parts}
    return f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace("opensuse", "suse").split()


def install(*packages, release=OS_RELEASE):
    """The command that installs packages, given by their names in Debian, on this distribution."""
    words = words_of(release)
    for word in words:
        if word.partition("-")[0] in INSTALLERS:
            command, names = INSTALLERS[word.partition("-")[0]]
            return " ".join([command, *(names.get(package, package) for package in packages)])
    if "alpine" in words:
        return "this is Alpine, which has no glibc: use a container with Debian"
    return f"install these packages (names as in Debian): {' '.join(packages)}"


def status(name, proc=PROC):
    """A field of /proc/self/status as text, "" if there is none."""
    try:
        lines = (pathlib.Path(proc) / "self/status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.split(":")[1].strip() for line in lines if line.startswith(name + ":")), "")


def kernel(proc=PROC):
    """The text of /proc/version, "" if there is none."""
    try:
        return (pathlib.Path(proc) / "version").read_text("utf-8", "replace")
    except OSError:
        return ""


def is_wsl1(proc=PROC):
    """Whether Windows emulates the kernel; WSL 2 calls itself microsoft-standard."""
    return "-Microsoft" in kernel(proc)


def is_container(signs=CONTAINER_SIGNS):
    """Whether this is a container of Docker or Podman."""
    return any(os.path.exists(sign) for sign in signs)


def scope(proc=PROC):
    """kernel.yama.ptrace_scope, "0" if the kernel has none."""
    try:
        return (pathlib.Path(proc) / "sys/kernel/yama/ptrace_scope").read_text("ascii").strip()
    except OSError:
        return "0"


def ptrace_remedy(cause, proc=PROC, signs=CONTAINER_SIGNS, machine=platform.machine()):
    """The remedy if ltrace could not trace a program; `cause`: the message of ltrace."""
    if "trace is damaged" in cause:
        return "use ltrace 0.7.3 or 0.7.91"
    if is_wsl1(proc):
        return WSL1
    if "not implemented" in cause:
        return EMULATED
    if scope(proc) == "3":
        return "kernel.yama.ptrace_scope is 3 (nobody may trace): set it to 1 at boot and restart"
    if scope(proc) == "2" and os.geteuid() != 0:
        return ("kernel.yama.ptrace_scope is 2 (only root may trace): "
                "sysctl kernel.yama.ptrace_scope=1, or be root")
    if status("TracerPid", proc) not in ("", "0"):
        return "this command itself is being traced: run it without strace or gdb"
    if is_container(signs) or status("Seccomp", proc) == "2":
        return CONTAINER
    return ARM if machine == "aarch64" else f"find out what forbids ptrace(2) here; {CONTAINER}"


def on_windows_drive(path, proc=PROC):
    """Whether a path is on a drive of Windows, which WSL mounts below /mnt."""
    parts = pathlib.PurePath(path).parts
    return ("microsoft" in kernel(proc).lower() and parts[1:2] == ("mnt",) and
            len(parts) > 2 and len(parts[2]) == 1)
