"""The kernel's FUSE protocol (7.31 and later, little-endian): requests from /dev/fuse, answered by a volume."""

import ctypes
import errno
import os
import stat
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.faults.disk.volume import PAGE, SECTOR, Node, Volume

_HEAD = struct.Struct("<IIQQIIIHH")
"""Length, operation, request, inode, uid, gid, pid, extensions, padding."""
_ANSWER = struct.Struct("<IiQ")
_ATTRIBUTES = struct.Struct("<6Q10I")
_ENTRY = struct.Struct("<4Q2I")
_OPENED = struct.Struct("<QIi")
_READ = struct.Struct("<QQIIQII")
"""Of reads and writes: handle, offset, size, flags of it, lock owner, flags of the open file, padding."""
_SET = struct.Struct("<2I6Q8I")
_INIT = struct.Struct("<IIIIHHIIHHII6I")
_STATFS = struct.Struct("<5Q4I6I")
_NAME = struct.Struct("<QQII")

_ASYNC_READ, _BIG_WRITES, _MAX_PAGES = 1 << 0, 1 << 5, 1 << 22
_MODE, _UID, _GID, _SIZE, _MTIME, _MTIME_NOW = 1, 2, 4, 8, 32, 256
_LARGEST = 2**18
"""Bytes of one write."""
_FOREVER = 3600
"""Seconds that the kernel may rely on what it was told: nothing changes but through it."""
_NOSUID_NODEV = 2 | 4
_DETACH = 2
_KEEP_SIZE = 1

_libc = ctypes.CDLL(None, use_errno=True)


def mount(path: Path, root: Node) -> int:
    """The new descriptor of /dev/fuse that answers for this folder. Raises `OSError`."""
    channel = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    options = f"fd={channel},rootmode={root.mode:o},user_id=0,group_id=0,default_permissions,allow_other"
    if _libc.mount(b"everlog-disk", os.fsencode(path), b"fuse", _NOSUID_NODEV, options.encode()):
        os.close(channel)
        raise OSError(ctypes.get_errno(), f"{path} cannot be mounted: {os.strerror(ctypes.get_errno())}")
    return channel


def unmount(path: Path) -> None:
    """Though somebody may still have it open. Silent where nothing is mounted."""
    _libc.umount2(os.fsencode(path), _DETACH)


class Kernel:
    """Answers one request at a time, for as long as the volume is mounted."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self.dark = False
        """There is no power: whatever is asked fails as it does on a disk that is gone."""
        self._buffer = memoryview(bytearray(_LARGEST + PAGE))
        self._lists: dict[int, list[bytes]] = {}
        self._handles = 0
        self._operations: dict[int, Callable[[Node, memoryview, int, int], list[bytes]]] = {
            1: self._lookup,
            3: self._getattr,
            4: self._setattr,
            5: self._readlink,
            6: self._symlink,
            8: self._mknod,
            9: self._mkdir,
            10: self._remove,
            11: self._remove,
            12: self._rename,
            13: self._link,
            14: self._open,
            15: self._read,
            16: self._write,
            17: self._statfs,
            18: self._release,
            20: self._fsync,
            25: self._flush,
            26: self._init,
            27: self._opendir,
            28: self._readdir,
            29: self._releasedir,
            30: self._fsync,
            35: self._create,
            43: self._fallocate,
        }

    def serve(self, channel: int) -> bool:
        """Answer what waits; False when the folder is no longer mounted."""
        while True:
            try:
                size = os.readv(channel, [self._buffer])
            except BlockingIOError:
                return True
            except FileNotFoundError:
                # Whoever asked has died meanwhile.
                continue
            except OSError:
                return False
            _, operation, request, number, uid, gid, *_ = _HEAD.unpack_from(self._buffer)
            if operation in _UNANSWERED:
                continue
            status, answer = self._answer(operation, number, self._buffer[_HEAD.size : size], uid, gid)
            head = _ANSWER.pack(_ANSWER.size + sum(map(len, answer)), -status, request)
            with suppress(FileNotFoundError):
                os.writev(channel, [head, *answer])

    def _answer(self, operation: int, number: int, body: memoryview, uid: int, gid: int) -> tuple[int, list[bytes]]:
        if self.dark:
            return errno.EIO, []
        operate = self._operations.get(operation)
        if operate is None:
            return errno.ENOSYS, []
        node = self._volume.nodes.get(number or 1)
        if node is None:
            return errno.ESTALE, []
        try:
            return 0, operate(node, body, uid, gid)
        except OSError as problem:
            return problem.errno or errno.EIO, []

    def _init(self, _: Node, body: memoryview, *__: int) -> list[bytes]:
        major, minor, ahead, flags = struct.unpack_from("<4I", body)
        flags &= _ASYNC_READ | _BIG_WRITES | _MAX_PAGES
        pages = _LARGEST // PAGE
        return [_INIT.pack(major, min(minor, 31), ahead, flags, 64, 48, _LARGEST, 1, pages, 0, 0, 0, *(0,) * 6)]

    def _lookup(self, folder: Node, body: memoryview, *_: int) -> list[bytes]:
        return _entry(self._volume.find(folder.number, _names(body)[0]))

    def _getattr(self, node: Node, *_: object) -> list[bytes]:
        return [struct.pack("<QII", _FOREVER, 0, 0), _attributes(node)]

    def _setattr(self, node: Node, body: memoryview, _uid: int, _gid: int) -> list[bytes]:
        which, _, _, size, _, _, mtime, *_, mode, _, uid, gid, _ = _SET.unpack_from(body)
        if which & _MODE:
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
        if which & _UID:
            node.uid = uid
        if which & _GID:
            node.gid = gid
        if which & _SIZE:
            self._volume.resize(node.number, size)
        if which & _MTIME:
            node.time = time.time() if which & _MTIME_NOW else mtime
        return self._getattr(node)

    def _readlink(self, node: Node, *_: object) -> list[bytes]:
        return [bytes(node.data)]

    def _symlink(self, folder: Node, body: memoryview, uid: int, gid: int) -> list[bytes]:
        name, target = _names(body)
        node = self._volume.make(folder.number, name, stat.S_IFLNK | 0o777, uid, gid)
        self._volume.write(node.number, 0, target)
        node.safe = len(target)
        node.before.clear()
        return _entry(node)

    def _mknod(self, folder: Node, body: memoryview, uid: int, gid: int) -> list[bytes]:
        [mode] = struct.unpack_from("<I", body)
        return _entry(self._volume.make(folder.number, _names(body[16:])[0], mode, uid, gid))

    def _mkdir(self, folder: Node, body: memoryview, uid: int, gid: int) -> list[bytes]:
        [mode] = struct.unpack_from("<I", body)
        return _entry(self._volume.make(folder.number, _names(body[8:])[0], stat.S_IFDIR | mode, uid, gid))

    def _remove(self, folder: Node, body: memoryview, *_: int) -> list[bytes]:
        self._volume.remove(folder.number, _names(body)[0])
        return []

    def _rename(self, folder: Node, body: memoryview, *_: int) -> list[bytes]:
        [into] = struct.unpack_from("<Q", body)
        old, new = _names(body[8:])
        self._volume.rename(folder.number, old, into, new)
        return []

    def _link(self, folder: Node, body: memoryview, *_: int) -> list[bytes]:
        [number] = struct.unpack_from("<Q", body)
        node = self._volume.nodes[number]
        self._volume.link(node, folder.number, _names(body[8:])[0])
        return _entry(node)

    def _open(self, node: Node, *_: object) -> list[bytes]:
        node.opens += 1
        return [_OPENED.pack(0, 0, 0)]

    def _create(self, folder: Node, body: memoryview, uid: int, gid: int) -> list[bytes]:
        mode = struct.unpack_from("<4I", body)[1]
        node = self._volume.make(folder.number, _names(body[16:])[0], mode, uid, gid)
        return [*_entry(node), *self._open(node)]

    def _read(self, node: Node, body: memoryview, *_: int) -> list[bytes]:
        _, offset, size, *_rest = _READ.unpack_from(body)
        return [self._volume.read(node.number, offset, size)]

    def _write(self, node: Node, body: memoryview, *_: int) -> list[bytes]:
        _, offset, size, _, _, flags, _ = _READ.unpack_from(body)
        self._volume.write(node.number, offset, body[_READ.size : _READ.size + size])
        if flags & os.O_DSYNC:
            self._volume.sync(node.number)
        return [struct.pack("<II", size, 0)]

    def _statfs(self, *_: object) -> list[bytes]:
        volume = self._volume
        limit = 2**36 if volume.limit is None else volume.limit
        free = max(0, limit - volume.used) // PAGE
        return [_STATFS.pack(limit // PAGE, free, free, 2**20, 2**20, PAGE, 255, PAGE, 0, *(0,) * 6)]

    def _release(self, node: Node, *_: object) -> list[bytes]:
        self._volume.close(node.number)
        return []

    def _fsync(self, node: Node, *_: object) -> list[bytes]:
        self._volume.sync(node.number)
        return []

    def _flush(self, *_: object) -> list[bytes]:
        return []

    def _opendir(self, folder: Node, *_: object) -> list[bytes]:
        self._handles += 1
        self._lists[self._handles] = [
            _listed(name, self._volume.nodes[number], place)
            for place, (name, number) in enumerate(sorted(folder.names.items()), 1)
        ]
        return [_OPENED.pack(self._handles, 0, 0)]

    def _readdir(self, _folder: Node, body: memoryview, *_: int) -> list[bytes]:
        handle, offset, size, *_rest = _READ.unpack_from(body)
        found = []
        for each in self._lists[handle][offset:]:
            size -= len(each)
            if size < 0:
                break
            found.append(each)
        return found

    def _releasedir(self, _: Node, body: memoryview, *__: int) -> list[bytes]:
        self._lists.pop(struct.unpack_from("<Q", body)[0], None)
        return []

    def _fallocate(self, node: Node, body: memoryview, *_: int) -> list[bytes]:
        _, offset, length, mode, _ = struct.unpack_from("<QQQII", body)
        if mode & ~_KEEP_SIZE:
            raise OSError(errno.EOPNOTSUPP, "only room can be asked for")
        if not mode and offset + length > len(node.data):
            self._volume.resize(node.number, offset + length)
        return []


_UNANSWERED = {2, 36, 42}
"""Forgetting one or many inodes, and interruptions."""


def _names(body: memoryview) -> list[bytes]:
    return [name for name in bytes(body).split(b"\0") if name]


def _entry(node: Node) -> list[bytes]:
    return [_ENTRY.pack(node.number, 0, _FOREVER, _FOREVER, 0, 0), _attributes(node)]


def _attributes(node: Node) -> bytes:
    whole, part = divmod(node.time, 1)
    seconds, nanos = (int(whole),) * 3, (int(part * 1e9),) * 3
    size, blocks = len(node.data), -(-len(node.data) // SECTOR)
    links = max(1, len(node.places))
    return _ATTRIBUTES.pack(
        node.number, size, blocks, *seconds, *nanos, node.mode, links, node.uid, node.gid, 0, PAGE, 0
    )


def _listed(name: bytes, node: Node, place: int) -> bytes:
    head = _NAME.pack(node.number, place, len(name), stat.S_IFMT(node.mode) >> 12)
    return (head + name).ljust(-(-(len(head) + len(name)) // 8) * 8, b"\0")
