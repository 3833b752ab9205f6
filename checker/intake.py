# SPDX-License-Identifier: BSD-3-Clause
"""Read the sources of a submission: a folder, a zip or tar archive, a git checkout.

Archives are not unpacked: their members are read one by one into memory. intake.py keeps the C
sources and the Makefile of the folder that holds osmem.c (the source folder), and the headers
beside that folder that those include, such as those in a handout's utils/. So paths that lead out
of an archive, links, devices and archive bombs never reach the file system.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import posixpath
import re
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from .ctext import DIRECTIVE, plain_lines
from .makefile import MAIN, NAMES as MAKEFILES, Makefile

SKIPPED = {"__MACOSX", "node_modules"}

MAX_FILES = 100                 # sources
MAX_BYTES = 1 << 20             # of all sources together
MAX_MEMBERS = 20000             # of an archive, or files of a folder, sources or not
MAX_ARCHIVE = 32 << 20          # bytes of an archive
MAX_UNPACKED = 128 << 20        # bytes of a compressed tar archive after decompression
MAX_EXTENDED = 8 << 20          # bytes of a tar archive's extended headers
FOR_ALL = 1000                  # factor for global headers, which apply to all later members
MAX_DEPTH = 12                  # folders inside folders
MAX_NAME = 200                  # bytes of a file's or a folder's name
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
SAFE_NAME = re.compile(r"[^\x00-\x1f\x7f\udc80-\udcff]+")
PACKERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
ZIP_MEMBER = b"PK\1\2"          # what each entry of a zip archive's directory begins with
EXTENDED_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
                    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
SPARSE = "it holds a file with holes (sparse); pack it without"
BROKEN = (OSError, EOFError, ValueError, KeyError, RuntimeError, NotImplementedError,
          zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
INCLUDED = re.compile(rb"^[ \t]*#[ \t]*include[ \t]*[<\"]([^>\"\n]{1,200})[>\"]", re.MULTILINE)
BESIDE = "../"                  # prefix of the paths of files beside the source folder
BESIDE_FOLDERS = ("../utils", "../include")     # the compiler searches these for headers too
# Files that courses give out beside the source folder.
OF_COURSE = {"block_meta.h", "osmem.h", "printf.h", "printf.c"}
FUNCTION = re.compile(r"\)\s*(?:\{|<%)")
ALLOCATES = re.compile(r"##|%:%:|\b(?:s?brk|mmap|mremap|syscall|block_meta|os_\w+)\b")
KEPT_FREE = {"objects", "library", "handout"}   # names of workspace.py's own folders there


class Refused(Exception):
    """The submission cannot be graded and gets no points; str(e) says why."""


def too_many():
    """The Refused for more than MAX_MEMBERS members."""
    return Refused(f"it holds more than {MAX_MEMBERS} files and folders")


@dataclass(frozen=True)
class Sources:
    """The sources that were read from a submission.

    files     {path relative to the source folder: bytes}. A path that begins with ../ is an
              included file beside the source folder, or the .c file next to it of the same name
    compiled  the .c files to compile
    others    the other .c files of the source folder, which the linker may need
    parts     the .c files that another .c file includes
    """

    files: dict
    compiled: list
    others: list = field(default_factory=list)
    parts: frozenset = frozenset()

    def digest(self):
        """A hash of the paths and contents."""
        sha = hashlib.sha256()
        for path, data in sorted(self.files.items()):
            sha.update(f"{path}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
        return sha.hexdigest()


def take(path):
    """The Sources of the submission at `path`. Raises Refused with the reason."""
    path = Path(path)
    try:
        if path.is_dir():
            found = choose(FolderMembers(path))
        elif not path.exists():
            raise Refused(f"{path.name} does not exist")
        else:
            found = from_archive(path)
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}") from None
    return Sources(found, *divided(found))


def identity(path):
    """A hash of the names and bytes that were handed in. Parses none of them."""
    sha = hashlib.sha256()
    try:
        if os.path.isdir(path):
            hash_folder(FolderMembers(path), sha)
        else:
            parent, name = os.path.split(os.path.realpath(path))
            sha.update(FolderMembers(parent).read(name, MAX_ARCHIVE))
            sha.update(b"%d" % os.stat(path).st_size)
    except (OSError, Refused) as reason:
        sha.update(str(reason).encode("utf-8", "backslashreplace"))
    return sha.hexdigest()


def hash_folder(members, sha):
    """Add the names and the bytes of those members of a folder that take() may read."""
    left = MAX_ARCHIVE
    for name, kind in members.names():
        if kind == "file" and not name.endswith((".c", ".h", *MAKEFILES)):
            continue
        data = members.read(name, left) if kind == "file" else b""
        left -= min(len(data), left)
        sha.update(f"{name}\0{kind} {len(data)}\0".encode("utf-8", "surrogateescape") + data)


def submission_name(path):
    """The name of a submission: its file name without the extension of an archive."""
    name = os.path.basename(os.path.abspath(path))
    for ending in sorted(ARCHIVES, key=len, reverse=True):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[:-len(ending)]
    return name


def from_archive(path):
    """{path relative to the source folder: bytes} of the sources in an archive."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Refused(f"{path.name} is neither a folder nor a file")
        if path.stat().st_size > MAX_ARCHIVE:
            raise Refused(f"{path.name} is larger than {MAX_ARCHIVE >> 20} MiB")
        if zipfile.is_zipfile(path):
            if path.read_bytes().count(ZIP_MEMBER) > MAX_MEMBERS:
                raise too_many()
            with zipfile.ZipFile(path) as archive:
                return choose(ZipMembers(archive))
        with BoundedTar.open(fileobj=io.BytesIO(unpacked(path)), mode="r:",
                             tarinfo=BoundedInfo) as archive:
            return choose(TarMembers(archive))
    except tarfile.ReadError:
        raise Refused(f"{path.name} is not a folder, zip or tar archive, or is damaged") from None
    except BROKEN as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Refused(f"{path.name} cannot be read: {why}") from None


def unpacked(path):
    """The bytes of a tar archive, decompressed if it is compressed."""
    with open(path, "rb") as file:
        start = file.read(2)
    with PACKERS.get(start, open)(path, "rb") as file:
        data = file.read(MAX_UNPACKED + 1)
    if len(data) > MAX_UNPACKED:
        raise Refused(f"{path.name} unpacks to more than {MAX_UNPACKED >> 20} MiB")
    return data


# ---- members: list all names first, then read the few files that are sources -------------------

def is_skipped(part):
    """Whether files and folders with this name are ignored. Version control, editors and file
    managers leave hidden ones beside the sources (.git, .#osmem.c, ._osmem.c)."""
    return part in SKIPPED or part.startswith(".")


class FolderMembers:
    """The files below a folder. Links are not followed."""

    def __init__(self, root):
        self.root = str(root)

    def names(self):
        """[(path below the root, kind)]; kind: 'file', 'link' or 'other'."""
        found, seen = [], 0
        for folder, folders, files in os.walk(self.root, followlinks=False, onerror=self.refuse):
            depth = os.path.relpath(folder, self.root).count("/")
            seen += len(folders) + len(files)
            if seen > MAX_MEMBERS:
                raise too_many()
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            folders[:] = sorted(name for name in folders if name not in links
                                and not is_skipped(name) and depth < MAX_DEPTH)
            for name in sorted([*files, *links]):
                path = os.path.join(folder, name)
                found.append((os.path.relpath(path, self.root), self.kind(path)))
        return found

    def refuse(self, error):
        """Raise Refused with the folder that cannot be listed."""
        path = os.path.relpath(error.filename, self.root)
        raise Refused(f"{'it' if path == '.' else ascii(path)[1:-1][:80]} cannot be read: "
                      f"{error.strerror}") from None

    @staticmethod
    def kind(path):
        """The kind of a path, as in names(); links are not followed."""
        mode = os.lstat(path).st_mode
        return "link" if stat.S_ISLNK(mode) else "file" if stat.S_ISREG(mode) else "other"

    def read(self, name, most):
        """Up to `most` + 1 bytes of a file. Follows no link, even if one has replaced the file
        since names(); a pipe is Refused."""
        descriptor = os.open(os.path.join(self.root, name),
                             os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Refused(f"{name} is not a regular file")
            return file.read(most + 1)


class ZipMembers:
    """The members of a zip archive."""

    def __init__(self, archive):
        self.archive = archive
        self.infos = {}

    def names(self):
        """As FolderMembers.names()."""
        found = []
        for info in self.archive.infolist():
            name = safe_path(info.filename)
            mode = info.external_attr >> 16
            self.infos[name] = info
            if not info.is_dir():
                found.append((name, "link" if stat.S_ISLNK(mode) else "file"))
        return found

    def read(self, name, most):
        """Up to `most` + 1 bytes of a member."""
        with self.archive.open(self.infos[name]) as file:
            return file.read(most + 1)


class BoundedTar(tarfile.TarFile):
    """A tar archive that counts its headers while it is read."""

    entries = 0             # files and folders
    headers = 0             # headers of entries and extended headers
    extended = 0            # bytes of the extended headers


class BoundedInfo(tarfile.TarInfo):
    """A tar archive's header; reading it takes bounded time and memory."""

    def _proc_member(self, archive):
        archive.headers += 1
        archive.entries += self.type not in EXTENDED_HEADERS
        if archive.entries > MAX_MEMBERS or archive.headers > 2 * MAX_MEMBERS:
            raise too_many()
        if self.type in EXTENDED_HEADERS:
            archive.extended += self.size * (FOR_ALL if self.type == tarfile.XGLTYPE else 1)
            if archive.extended > MAX_EXTENDED:
                raise Refused(f"its headers are larger than {MAX_EXTENDED >> 20} MiB")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise Refused(SPARSE)
        return super()._proc_member(archive)

    def _proc_gnusparse_10(self, *_arguments):
        raise Refused(SPARSE)


class TarMembers:
    """The members of a tar archive."""

    def __init__(self, archive):
        self.archive = archive
        self.infos = {}

    def names(self):
        """As FolderMembers.names()."""
        found = []
        for info in self.archive:
            info.pax_headers = {}       # drop each member's copy of the archive's headers
            name = safe_path(info.name)
            if info.isdir():
                continue
            self.infos[name] = info
            found.append((name, "file" if info.isreg() else "link" if info.issym() or info.islnk()
                          else "other"))
        return found

    def read(self, name, most):
        """Up to `most` + 1 bytes of a member."""
        with self.archive.extractfile(self.infos[name]) as file:
            return file.read(most + 1)


def safe_path(name):
    """A member's name in normal form. Refused if it leads out of the archive."""
    plain = posixpath.normpath(name.replace("\\", "/"))
    if plain.startswith("/") or plain.split("/")[0] == ".." or "\0" in plain:
        raise Refused(f"the archive holds {ascii(name)[:100]}, which leads out of it")
    return plain


# ---- choosing ----------------------------------------------------------------------------------

def choose(members):
    """{path relative to the source folder: bytes} of the members that are sources."""
    names = [(name, kind) for name, kind in members.names()
             if not any(map(is_skipped, name.split("/")))]
    folder = source_folder(names)
    wanted = [(name, kind) for name, kind in names
              if name.startswith(folder) and is_wanted(name[len(folder):])]
    taken = Taken(members)
    for name, kind in wanted:
        taken.add(name, kind, name[len(folder):])
    take_beside(taken, names, folder)
    taken.check_folders()
    return taken.files


class Taken:
    """The files read from the members; raises Refused beyond the limits of number and size."""

    def __init__(self, members):
        self.members = members
        self.budget = MAX_BYTES
        self.files = {}

    def add(self, name, kind, path):
        """Read the member `name` and store it as `path`."""
        shown = ascii(path)[1:-1]
        if any(len(os.fsencode(part)) > MAX_NAME for part in path.split("/")):
            raise Refused(f"{shown[:40]}... is a name of more than {MAX_NAME} bytes")
        if len(self.files) == MAX_FILES:
            raise Refused(f"there are more than {MAX_FILES} source files")
        if kind != "file":
            raise Refused(f"{shown} is " + ("a link" if kind == "link" else "not a regular file"))
        try:
            data = self.members.read(name, self.budget)
        except BROKEN as error:
            raise Refused(f"{shown} cannot be read: {error}") from None
        self.budget -= len(data)
        if self.budget < 0:
            raise Refused(f"the sources are larger than {MAX_BYTES} bytes")
        self.files[path] = data

    def check_folders(self):
        """Refused if the path of one file is a folder in the path of another."""
        for path in self.files:
            above = posixpath.dirname(path)
            while above:
                if above in self.files:
                    raise Refused(f"{ascii(above)[1:-1]} is a file and a folder")
                above = posixpath.dirname(above)


def take_beside(taken, names, folder):
    """Take the files beside the source folder that the sources include, directly or indirectly,
    and each .c file that has the name of such a header."""
    parent = parent_of(folder)
    kinds = {BESIDE + name[len(parent):]: kind for name, kind in names
             if folder and name.startswith(parent) and is_wanted(name)
             and name[len(parent):].split("/")[0] not in KEPT_FREE}
    known = {*taken.files, *kinds}
    waiting = list(taken.files)
    while waiting:
        includer = waiting.pop()
        for included in includes(taken.files[includer]):
            path = resolved(includer, included, known)
            for each in (path, path[:-1] + "c"):
                if each in kinds and each not in taken.files:
                    taken.add(parent + each[len(BESIDE):], kinds[each], each)
                    waiting.append(each)


def parent_of(folder):
    """The folder that holds the source folder, with a final /; "" for the top of the archive."""
    return folder[:folder[:-1].rfind("/") + 1]


def includes(data):
    """The file names in a source's #include lines."""
    return [name.decode("utf-8", "replace") for name in INCLUDED.findall(data)]


def resolved(includer, included, known):
    """The path in `known` that `includer` means by `included`, "" if `known` has none."""
    for place in (posixpath.dirname(includer), "", *BESIDE_FOLDERS):
        path = posixpath.normpath(posixpath.join(place, included))
        if path in known:
            return path
    return ""


def is_wanted(path):
    """Whether a file of the source folder is a source or the Makefile."""
    *folders, last = path.split("/")
    if not all(SAFE_NAME.fullmatch(part) for part in (*folders, last)):
        return False
    return last.endswith((".c", ".h")) or (not folders and last in MAKEFILES)


def source_folder(names):
    """The folder, with a final /, of the osmem.c to grade; "" for the top of the archive."""
    places = [posixpath.dirname(name) for name, _ in names if posixpath.basename(name) == MAIN]
    if not places:
        linked = [name for name, kind in names if kind == "link"
                  and posixpath.basename(name) in ("src", MAIN)]
        near = [name for name, _ in names if posixpath.basename(name).lower() == MAIN]
        raise Refused(f"{linked[0]} is a link" if linked else f"there is no {MAIN} in it" +
                      (f"; rename {ascii(near[0])[1:-1][:80]} to that" if near else ""))

    def rank(place):
        return posixpath.basename(place) != "src", place.count("/")
    best, *others = sorted(set(places), key=lambda place: (rank(place), place))
    if others and rank(others[0]) == rank(best):
        raise Refused(f"it holds several {MAIN}, such as {ascii(best)[1:-1][:80]}/{MAIN} and "
                      f"{ascii(others[0])[1:-1][:80]}/{MAIN}: name one folder, or a class with "
                      "--class")
    return best + "/" if best else ""


def divided(files):
    """(.c files to compile, other .c files, included_sources()).

    Compiled are the .c files of the source folder from which the Makefile makes the library, and
    those that were taken because of a header beside it; never a file that another one includes.
    """
    sources = sorted(path for path in files if path.endswith(".c"))
    every = [path for path in sources if not path.startswith(BESIDE)]
    makefile = Makefile(next((files[name] for name in MAKEFILES if name in files), b""))
    chosen = makefile.chosen(every)
    own = {posixpath.basename(path) for path in chosen}
    beside = [path for path in sources if path not in every
              and posixpath.basename(path) not in own]
    parts = included_sources(files, sources)
    chosen = [path for path in (*chosen, *beside) if path not in parts]
    return chosen, [path for path in every if path not in chosen], frozenset(parts)


def included_sources(files, sources):
    """The .c files in `sources` that another .c file includes. If a file includes osmem.c (a test,
    for example), that file is in the set instead of osmem.c."""
    parts = set()
    for includer in sources:
        known = set(sources) - {includer}
        for included in includes(files[includer]):
            path = resolved(includer, included, known)
            parts.add(includer if path == MAIN else path)
    return parts


def is_of_course(path, data):
    """Whether the course, not the student, wrote a file: it lies beside the source folder, has the
    name of a file that courses give out, and holds no part of an allocator."""
    name = posixpath.basename(path)
    if not path.startswith(BESIDE) or name not in OF_COURSE:
        return False
    lines = [line for _number, line in plain_lines(data)]
    if name.endswith(".c"):
        return not any(map(ALLOCATES.search, lines))
    return not FUNCTION.search("\n".join(line for line in lines if not DIRECTIVE.match(line)))
