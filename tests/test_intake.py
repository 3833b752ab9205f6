# SPDX-License-Identifier: BSD-3-Clause
"""Which files the grader reads from a folder or an archive, and what it refuses."""

import errno
import gzip
import io
import os
import tarfile
import zipfile

import pytest

from checker import intake
from tests import submit

SOURCE = submit.STUB.encode()


def archive_tar(path, members, mode="w:gz"):
    """A tar archive of {name: bytes, or a TarInfo's changes}."""
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else b""
            info.size = len(data)
            for field, value in ({} if isinstance(content, bytes) else content).items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return path


def archive_zip(path, members):
    """A zip archive of {name: bytes}."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refusal(path):
    """The reason for which a submission is refused."""
    with pytest.raises(intake.Refused) as caught:
        intake.take(path)
    return str(caught.value)


@pytest.mark.parametrize("folder", ["", "src/", "anna/src/", "anna/v2/src/"])
@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "folder"])
def test_every_form_gives_the_same_sources(tmp_path, form, folder):
    members = {f"{folder}osmem.c": SOURCE, f"{folder}list/list.h": b"#define LIST\n",
               f"{folder}list/list.c": b"int list;\n", f"{folder}notes.pdf": b"%PDF",
               f"{folder}old.o": b"\x7fELF", "README.md": b"hello\n"}
    path = tmp_path / f"anna.{form}"
    if form == "zip":
        archive_zip(path, members)
    elif form == "folder":
        for name, data in members.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    else:
        archive_tar(path, members, "w:" + form[4:])
    taken = intake.take(path)
    assert taken.files == {"osmem.c": SOURCE, "list/list.h": b"#define LIST\n",
                           "list/list.c": b"int list;\n"}
    assert taken.compiled == ["list/list.c", "osmem.c"]


def test_the_src_folder_counts_before_a_copy_elsewhere(tmp_path):
    taken = intake.take(archive_zip(tmp_path / "a.zip", {
        "osmem.c": b"old", "backup/deep/er/osmem.c": b"older", "project/src/osmem.c": SOURCE}))
    assert taken.files == {"osmem.c": SOURCE}


@pytest.mark.parametrize("form", [archive_tar, archive_zip])
def test_what_editors_and_file_managers_leave_behind_is_no_source(tmp_path, form):
    """Emacs leaves the link .#osmem.c beside a file that is not saved, macOS ._osmem.c."""
    left = {"src/._osmem.c": b"\0\5\26\7", "src/.ccls-cache/osmem.c": b"x", "src/osmem.c": SOURCE}
    taken = intake.take(form(tmp_path / "a.archive", left))
    assert (taken.files, taken.compiled) == ({"osmem.c": SOURCE}, ["osmem.c"])
    place = tmp_path / "ann"
    (place / "src").mkdir(parents=True)
    (place / "src/osmem.c").write_bytes(SOURCE)
    (place / "src/.#osmem.c").symlink_to("ann@host.1")
    assert intake.take(place).compiled == ["osmem.c"]


def test_a_name_that_is_nearly_right(tmp_path):
    assert refusal(archive_zip(tmp_path / "a.zip", {"src/Osmem.c": SOURCE})) == \
        "there is no osmem.c in it; rename src/Osmem.c to that"


def test_a_tree_of_folders_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "MAX_MEMBERS", 5)
    for number in range(6):
        (tmp_path / "ann" / str(number)).mkdir(parents=True)
    assert refusal(tmp_path / "ann") == "it holds more than 5 files and folders"


@pytest.mark.parametrize("form", [archive_tar, archive_zip])
def test_the_members_of_an_archive_are_counted_as_they_are_read(tmp_path, form, monkeypatch):
    """Folders too; reading stops at the limit."""
    monkeypatch.setattr(intake, "MAX_MEMBERS", 5)
    members = {f"{number}/": {"type": tarfile.DIRTYPE} if form is archive_tar else b""
               for number in range(10)}
    monkeypatch.setattr(zipfile.ZipFile, "infolist", None)
    why = refusal(form(tmp_path / "a.archive", members))
    assert why == "it holds more than 5 files and folders"


def test_headers_of_a_tar_archive_are_bounded(tmp_path):
    """A global header costs more than its bytes, since it may apply to every member."""
    large = {"comment": "x" * 9000}
    for headers, why in ((large, "its headers are larger than 8 MiB"), ({"comment": "x"}, "")):
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
            info = tarfile.TarInfo("src/osmem.c")
            info.pax_headers = {"comment": "y"}
            info.size = len(SOURCE)
            archive.addfile(info, io.BytesIO(SOURCE))
        if why:
            assert refusal(path) == why
        else:
            assert list(intake.take(path).files) == ["osmem.c"]


@pytest.mark.parametrize("headers", [
    {}, {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}])
def test_a_file_with_holes_in_a_tar_archive(tmp_path, headers):
    """Its map of holes may have any length."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("src/osmem.c")
        info.pax_headers = headers
        info.type = tarfile.REGTYPE if headers else tarfile.GNUTYPE_SPARSE
        archive.addfile(info)
    assert refusal(path) == "it holds a file with holes (sparse); pack it without"


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    place = submit.submission(tmp_path / "ann")
    scan = os.scandir

    def refuse(path):
        if os.path.basename(path) == "src":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert refusal(place) == "src cannot be read: Permission denied"


def test_a_class_that_is_named_as_one_submission(tmp_path):
    """The grader cannot know which osmem.c is meant."""
    why = refusal(archive_zip(tmp_path / "a.zip", {
        "ann/src/osmem.c": SOURCE, "ben/src/osmem.c": SOURCE, "ann/osmem.c": b"old"}))
    assert why == ("it holds several osmem.c, such as ann/src/osmem.c and ben/src/osmem.c: "
                   "name one folder, or a class with --class")
    assert "several" in refusal(archive_zip(tmp_path / "b.zip", {
        "ann/osmem.c": SOURCE, "ben/osmem.c": SOURCE}))


def test_a_git_checkout_is_its_files(tmp_path):
    place = submit.submission(tmp_path / "anna")
    (place / ".git").mkdir()
    (place / ".git/osmem.c").write_text("not this one")
    assert list(intake.take(place).files) == ["osmem.c"]


@pytest.mark.parametrize("name", ["../evil.c", "src/../../evil.c", "/etc/cron.d/evil.c",
                                  "..\\evil.c"])
@pytest.mark.parametrize("form", [archive_tar, archive_zip])
def test_paths_that_lead_out_of_an_archive(tmp_path, form, name):
    (tmp_path / "inner").mkdir()
    path = form(tmp_path / "inner/a.archive", {"src/osmem.c": SOURCE, name: b"int evil;\n"})
    assert "leads out of it" in refusal(path)
    assert sorted(os.listdir(tmp_path)) == ["inner"]
    assert os.listdir(tmp_path / "inner") == ["a.archive"]


@pytest.mark.parametrize("member, why", [
    ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "secret.c is a link"),
    ({"type": tarfile.LNKTYPE, "linkname": "src/osmem.c"}, "secret.c is a link"),
    ({"type": tarfile.FIFOTYPE}, "secret.c is not a regular file"),
    ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}, "secret.c is not a regular file"),
])
def test_links_and_devices_in_a_tar_archive(tmp_path, member, why):
    path = archive_tar(tmp_path / "a.tgz", {"src/osmem.c": SOURCE, "src/secret.c": member})
    assert refusal(path) == why


def test_a_link_in_a_zip_archive(tmp_path):
    path = archive_zip(tmp_path / "a.zip", {"src/osmem.c": SOURCE})
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("src/secret.c")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert refusal(path) == "secret.c is a link"


def test_links_and_pipes_in_a_folder(tmp_path):
    place = submit.submission(tmp_path / "one")
    (place / "src/secret.c").symlink_to("/etc/passwd")
    assert refusal(place) == "secret.c is a link"
    place = submit.submission(tmp_path / "two")
    os.mkfifo(place / "src/pipe.h")
    assert refusal(place) == "pipe.h is not a regular file"
    place = tmp_path / "three"
    place.mkdir()
    (place / "src").symlink_to(submit.ROOT / "src")
    assert refusal(place) == "src is a link"


def test_bombs(tmp_path):
    small = {"src/osmem.c": SOURCE, "src/big.h": b"\0" * (intake.MAX_BYTES + 1)}
    assert "larger than" in refusal(archive_zip(tmp_path / "a.zip", small))
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as file:
        for _ in range(intake.MAX_UNPACKED // (1 << 20) + 1):
            file.write(b"\0" * (1 << 20))
    assert "unpacks to more than" in refusal(tmp_path / "a.tar.gz")
    many = {f"src/f{count}.c": b"" for count in range(intake.MAX_FILES)}
    assert "more than" in refusal(archive_zip(tmp_path / "b.zip", {"src/osmem.c": b"", **many}))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not really", b"\x1f\x8b\x08 nor this",
                                  b"\xfd7zXZ\0 nor this", b"BZh9 nor this", b"\x7fELF", b"text\n"])
def test_what_is_no_archive(tmp_path, data):
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert refusal(path).startswith("a.zip ")


def test_what_is_missing(tmp_path):
    assert refusal(tmp_path / "anna") == "anna does not exist"
    (tmp_path / "ben").mkdir()
    assert refusal(tmp_path / "ben") == "there is no osmem.c in it"
    os.mkfifo(tmp_path / "pipe.zip")
    assert refusal(tmp_path / "pipe.zip") == "pipe.zip is neither a folder nor a file"


def test_what_the_system_does_not_let_us_read_is_a_reason(tmp_path, monkeypatch):
    place = submit.submission(tmp_path / "anna")

    def refuse(_path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(intake.FolderMembers, "kind", staticmethod(refuse))
    assert refusal(place) == "anna cannot be read: Permission denied"


def test_names_of_submissions():
    assert [intake.submission_name(name) for name in ("a/anna", "b/anna.zip", "c.tar.gz", ".zip")
            ] == ["anna", "anna", "c", ".zip"]


def test_the_digest_follows_every_source(tmp_path):
    place = submit.submission(tmp_path / "anna", list="int l;\n")
    before = intake.take(place).digest()
    assert intake.take(place).digest() == before
    (place / "src/list.c").write_text("int m;\n")
    assert intake.take(place).digest() != before


def test_headers_beside_the_source_folder_are_taken_if_they_are_included(tmp_path):
    """A handout's utils/ may be the student's own; files that are not included are ignored."""
    source = b'#include "list.h"\n  # include "../tests/help.h"\n' + SOURCE
    taken = intake.take(archive_zip(tmp_path / "a.zip", {
        "a/src/osmem.c": source, "a/utils/list.h": b"#include <node.h>\n",
        "a/utils/node.h": b"int node;\n", "a/docs/list.h": b"", "a/utils/node.c": b"int node;\n",
        "a/utils/other.h": b"", "a/utils/other.c": b"", "a/tests/help.h": b"", "b/list.h": b""}))
    assert sorted(taken.files) == ["../tests/help.h", "../utils/list.h", "../utils/node.c",
                                   "../utils/node.h", "osmem.c"]
    assert taken.compiled == ["osmem.c", "../utils/node.c"]


def test_a_link_beside_the_source_folder_is_refused_if_it_is_included(tmp_path):
    place = submit.submission(tmp_path / "anna", '#include "secret.h"\n' + submit.STUB)
    (place / "utils").mkdir()
    (place / "utils/secret.h").symlink_to("/etc/passwd")
    assert refusal(place) == "../utils/secret.h is a link"
