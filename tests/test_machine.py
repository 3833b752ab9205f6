# SPDX-License-Identifier: BSD-3-Clause
"""Remedies match the machine: its distribution, container, kernel and processor."""

import pytest

from tests.harness import doctor, machine

RELEASES = {
    "ID=debian\nVERSION_ID=\"12\"": "apt-get install libc6-dev ltrace",
    "ID=ubuntu\nID_LIKE=debian": "apt-get install libc6-dev ltrace",
    "ID=linuxmint\nID_LIKE=\"ubuntu debian\"": "apt-get install libc6-dev ltrace",
    "ID=fedora": "dnf install glibc-devel ltrace",
    "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"": "dnf install glibc-devel ltrace",
    "ID=arch": "pacman -S glibc ltrace",
    "ID=manjaro\nID_LIKE=arch": "pacman -S glibc ltrace",
    "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"": "zypper install glibc-devel ltrace",
    "ID=alpine": "this is Alpine, which has no glibc: use a container with Debian",
    "ID=nixos": "install these packages (names as in Debian): libc6-dev ltrace",
    "": "install these packages (names as in Debian): libc6-dev ltrace",
}
WSL1 = "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com) (gcc version 5.4.0)"
WSL2 = "Linux version 5.15.90.1-microsoft-standard-WSL2 (oe-user@oe-host)"
PLAIN = "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)"
DENIED = "ltrace cannot trace here: PTRACE_TRACEME: Operation not permitted"


@pytest.mark.parametrize("text", RELEASES)
def test_packages_by_the_distributions_names(tmp_path, text):
    release = tmp_path / "os-release"
    release.write_text(f"PRETTY_NAME='This = that'\n{text}\n", encoding="utf-8")
    assert machine.install("libc6-dev", "ltrace", release=release) == RELEASES[text]


def test_no_os_release(tmp_path):
    assert machine.install("gcc", release=tmp_path / "none") == \
        "install these packages (names as in Debian): gcc"


def proc(place, version=PLAIN, scope=None, **status):
    """A directory like /proc."""
    (place / "self").mkdir(parents=True)
    (place / "sys/kernel/yama").mkdir(parents=True)
    (place / "version").write_text(version + "\n", encoding="ascii")
    lines = [f"{name}:\t{value}\n" for name, value in {"Name": "python3", **status}.items()]
    (place / "self/status").write_text("".join(lines), encoding="ascii")
    if scope is not None:
        (place / "sys/kernel/yama/ptrace_scope").write_text(f"{scope}\n", encoding="ascii")
    return place


@pytest.mark.parametrize("cause, files, signs, said", [
    (DENIED, {"version": WSL1}, (), "wsl --set-version"),
    (DENIED, {"version": WSL2}, ("/",), "--cap-add=SYS_PTRACE"),
    ("PTRACE_TRACEME: Function not implemented", {}, ("/",), "emulated processor"),
    (DENIED, {"scope": 3, "TracerPid": "0"}, ("/",), "ptrace_scope is 3"),
    (DENIED, {"scope": 1, "TracerPid": "77"}, (), "without strace or gdb"),
    (DENIED, {"scope": 1, "TracerPid": "0", "Seccomp": "2"}, (),
     "--cap-add=SYS_PTRACE --security-opt seccomp=unconfined"),
    ("the trace is damaged: not a line of ltrace: 'x'", {}, ("/",), "use ltrace 0.7.3 or 0.7.91"),
    (DENIED, {"Seccomp": "0"}, (), "find out what forbids ptrace(2)"),
])
def test_why_nothing_can_be_traced(tmp_path, cause, files, signs, said):
    made = machine.ptrace_remedy(cause, proc(tmp_path / "proc", **files), signs, "x86_64")
    assert said in made and "\n" not in made


def test_scope_2_is_for_those_who_are_not_root(tmp_path, monkeypatch):
    place = proc(tmp_path / "proc", scope=2)
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
    assert "only root may trace" in machine.ptrace_remedy(DENIED, place, ())
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    assert "ptrace_scope" not in machine.ptrace_remedy(DENIED, place, ())


def test_arm_is_named_last(tmp_path):
    place = proc(tmp_path / "proc")
    assert "on Arm" in machine.ptrace_remedy(DENIED, place, (), "aarch64")
    assert "on Arm" not in machine.ptrace_remedy(DENIED, place, ("/",), "aarch64")


@pytest.mark.parametrize("path, version, slow", [
    ("/mnt/c/osmem", WSL2, True), ("/mnt/d/osmem", WSL1, True),
    ("/srv/osmem", WSL2, False), ("/mnt/data/osmem", WSL2, False),
    ("/mnt/c/osmem", PLAIN, False),
])
def test_a_drive_of_windows(tmp_path, path, version, slow):
    good, found, _ = doctor.checkout(path, proc(tmp_path / "proc", version))
    assert good and ("slow" in found) == slow


@pytest.mark.parametrize("name, library, good", [
    ("x86_64", ("glibc", "2.36"), True), ("aarch64", ("glibc", "2.41"), True),
    ("x86_64", ("", ""), False), ("riscv64", ("glibc", "2.41"), False),
])
def test_processor_and_c_library(monkeypatch, name, library, good):
    monkeypatch.setattr(doctor.platform, "machine", lambda: name)
    monkeypatch.setattr(doctor.platform, "libc_ver", lambda: library)
    found = doctor.kind()
    no_ltrace = "Debian 12 has no ltrace for Arm" in found[1]
    assert found[0] == good and no_ltrace == (name == "aarch64")


def test_this_machine_has_a_kernel():
    assert machine.status("Name") and machine.kernel().startswith("Linux version")
