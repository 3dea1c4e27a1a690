"""What a disk holds and what of it would outlast a power cut: the model under the file system, without the kernel.

The model of ext4 and XFS, kept to the letter, so that nothing is there by luck:

- What was written to a file is lost unless that file was synced since (fsync, fdatasync, or opened with O_(D)SYNC).
- A name that was made, changed or removed is as it was before, unless its folder was synced since. A synced file's
  own name, and the names of the folders above it, are kept with it.
- A rename is never half done.

Modes, owners and times are kept at once: nothing rests on them. At a cut, everything else is thrown away; or, where
dice are given, any of it survives: some pages, torn at the bounds of sectors, and some folders' names.
"""

import errno
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

PAGE, SECTOR = 4096, 512
ROOT = 1
_LUCK = 0.5
"""Where dice are given, how likely what was not synced is there all the same."""


@dataclass(slots=True)
class Node:
    """A file, a folder or a link."""

    number: int
    mode: int
    uid: int
    gid: int
    time: float
    opens: int = 0
    data: bytearray = field(default_factory=bytearray)
    """Of a file its bytes, of a link its target."""
    safe: int = 0
    """How long the file was when it was synced."""
    before: dict[int, bytes] = field(default_factory=dict)
    """By number: the pages written since, as they were synced; nothing, where they lay beyond the end."""
    names: dict[bytes, int] = field(default_factory=dict)
    """Of a folder."""
    kept: dict[bytes, int] = field(default_factory=dict)
    """Of a folder: its names as they would outlast a cut."""
    places: set[tuple[int, bytes]] = field(default_factory=set)
    """Where it is named: folder and name."""
    there: bool = True
    """It takes room: it has a name, or somebody has it open."""

    @property
    def folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


class Volume:
    """Numbers are inodes, `ROOT` the top folder's. Methods raise the `OSError` to answer the kernel with."""

    def __init__(self, mode: int = 0o700, uid: int = 0, gid: int = 0) -> None:
        self.nodes = {ROOT: Node(ROOT, stat.S_IFDIR | mode, uid, gid, time.time())}
        self.limit: int | None = None
        """Bytes that it holds at most; None: as many as one likes."""
        self.used = 0
        self.honest = True
        """False: it answers that it synced, and did not."""
        self._last = ROOT
        self._moved: list[set[int]] = []
        """Folders between which something was moved: their names are kept together."""

    def find(self, folder: int, name: bytes) -> Node:
        if (number := self.nodes[folder].names.get(name)) is None:
            raise OSError(errno.ENOENT, "no such name")
        return self.nodes[number]

    def make(self, folder: int, name: bytes, mode: int, uid: int, gid: int) -> Node:
        if name in self.nodes[folder].names:
            raise OSError(errno.EEXIST, "the name is taken")
        self._take(PAGE)
        self._last += 1
        node = self.nodes[self._last] = Node(self._last, mode, uid, gid, time.time())
        self.link(node, folder, name)
        return node

    def link(self, node: Node, folder: int, name: bytes) -> None:
        if name in self.nodes[folder].names:
            raise OSError(errno.EEXIST, "the name is taken")
        self.nodes[folder].names[name] = node.number
        node.places.add((folder, name))

    def remove(self, folder: int, name: bytes) -> None:
        node = self.find(folder, name)
        if node.names:
            raise OSError(errno.ENOTEMPTY, "the folder is not empty")
        self._unname(folder, name, node)
        self._tidy([node.number])

    def rename(self, folder: int, name: bytes, into: int, fresh: bytes) -> None:
        node = self.find(folder, name)
        there = self.nodes[into].names.get(fresh)
        if there == node.number:
            return
        if there is not None:
            self.remove(into, fresh)
        self._unname(folder, name, node)
        self.link(node, into, fresh)
        if folder != into:
            self._moved.append({folder, into})

    def read(self, number: int, offset: int, size: int) -> bytes:
        return bytes(self.nodes[number].data[offset : offset + size])

    def write(self, number: int, offset: int, data: bytes | memoryview) -> None:
        node = self.nodes[number]
        end = offset + len(data)
        if end > len(node.data):
            self.resize(number, end)
        self._remember(node, offset, end)
        node.data[offset:end] = data
        node.time = time.time()

    def resize(self, number: int, size: int) -> None:
        node = self.nodes[number]
        more = size - len(node.data)
        self._take(more)
        self._remember(node, min(size, len(node.data)), max(size, len(node.data)))
        if more > 0:
            node.data.extend(bytes(more))
        else:
            del node.data[size:]
        node.time = time.time()

    def sync(self, number: int) -> None:
        """From here on it outlasts a cut: a file's bytes and its own name, or a folder's names."""
        if not self.honest:
            return
        node = self.nodes[number]
        if node.folder:
            self._keep(number)
        node.safe = len(node.data)
        node.before.clear()
        self._keep_places(node)

    def close(self, number: int) -> None:
        """One that had it open has it no more."""
        if node := self.nodes.get(number):
            node.opens -= 1
            self._tidy([number])

    def cut(self, dice: Random | None = None) -> None:
        """Lose what was not synced; with dice, not all of it."""
        for node in [each for each in self.nodes.values() if each.folder]:
            if dice and dice.random() < _LUCK:
                self._keep(node.number)
        for node in self.nodes.values():
            _lose(node, dice)
            node.opens, node.places = 0, set()
        self._moved.clear()
        standing = self._standing(ROOT)
        self.nodes = {number: node for number, node in self.nodes.items() if number in standing}
        self.used = sum(len(node.data) + PAGE for node in self.nodes.values())

    def load(self, source: Path, folder: int = ROOT) -> None:
        """Take over what lies in a plain folder, as if it were synced."""
        for path in sorted(source.iterdir()):
            found = path.lstat()
            node = self.make(folder, path.name.encode(), found.st_mode, found.st_uid, found.st_gid)
            if stat.S_ISDIR(found.st_mode):
                self.load(path, node.number)
            else:
                data = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
                self.write(node.number, 0, data)
            self.sync(node.number)

    def _take(self, more: int) -> None:
        if more > 0 and self.limit is not None and self.used + more > self.limit:
            raise OSError(errno.ENOSPC, "the disk is full")
        self.used += more

    def _remember(self, node: Node, start: int, end: int) -> None:
        """The pages from byte `start` to `end`, as they were synced."""
        for page in range(start // PAGE, (end + PAGE - 1) // PAGE):
            if page not in node.before:
                node.before[page] = bytes(node.data[page * PAGE : min((page + 1) * PAGE, node.safe)])

    def _unname(self, folder: int, name: bytes, node: Node) -> None:
        del self.nodes[folder].names[name]
        node.places.discard((folder, name))

    def _keep(self, number: int) -> None:
        """A folder's names, and those of the folders that something was moved to or from."""
        found = {number}.union(*(each for each in self._moved if number in each))
        self._moved = [each for each in self._moved if number not in each]
        for each in found:
            if folder := self.nodes.get(each):
                gone, folder.kept = set(folder.kept.values()), dict(folder.names)
                self._tidy(gone - set(folder.kept.values()))

    def _keep_places(self, node: Node) -> None:
        """Its names and no older ones of it, and those of the folders above it."""
        for place, name in node.places:
            folder = self.nodes[place]
            if any(place in each for each in self._moved):
                self._keep(place)
            stale = [
                old for old, number in folder.kept.items() if number == node.number and folder.names.get(old) != number
            ]
            for old in stale:
                del folder.kept[old]
            replaced = folder.kept.get(name)
            folder.kept[name] = node.number
            if replaced not in (None, node.number):
                self._tidy([replaced])
            self._keep_places(folder)

    def _tidy(self, numbers: Iterable[int]) -> None:
        """Forget what nobody can reach: not by a name, not through an open file, and not after a cut."""
        for number in numbers:
            node = self.nodes.get(number)
            if node is None or node.places or node.opens > 0:
                continue
            if node.there:
                node.there = False
                self.used -= len(node.data) + PAGE
            if not any(number in folder.kept.values() for folder in self.nodes.values()):
                del self.nodes[number]

    def _standing(self, number: int) -> set[int]:
        """This folder and all below it, by the names that outlast a cut."""
        folder, found = self.nodes[number], {number}
        folder.names = dict(folder.kept)
        for name, each in folder.names.items():
            node = self.nodes[each]
            node.there = True
            node.places.add((number, name))
            found |= self._standing(each) if node.folder else {each}
        return found


def _lose(node: Node, dice: Random | None) -> None:
    """A file as it was synced; with dice, some sectors of what was written since are there."""
    now = node.data
    node.data = bytearray(node.safe)
    node.data[: len(now)] = now[: node.safe]
    for page, was in node.before.items():
        node.data[page * PAGE : page * PAGE + len(was)] = was
    for page in node.before if dice else ():
        for start in range(page * PAGE, (page + 1) * PAGE, SECTOR):
            if dice and dice.random() < _LUCK and (sector := now[start : start + SECTOR]):
                node.data.extend(bytes(max(0, start - len(node.data))))
                node.data[start : start + len(sector)] = sector
    node.safe = len(node.data)
    node.before = {}
