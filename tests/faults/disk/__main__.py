"""A disk as a process: mounts itself over a folder with what lies there, and is told what becomes of it.

Reads one command a line from standard input and answers it by a line: `cut [SEED]`, `power`, `limit [BYTES]`,
`honest yes|no`, `used`. When standard input ends, so does the disk, and the folder is as it was before.
"""

import os
import select
import stat
import sys
from pathlib import Path
from random import Random

from tests.faults.disk.kernel import Kernel, mount, unmount
from tests.faults.disk.volume import ROOT, Volume


class Disk:
    def __init__(self, path: Path) -> None:
        found = path.stat()
        self._path = path
        self.volume = Volume(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
        self.volume.load(path)
        self.kernel = Kernel(self.volume)
        self.channel = -1

    def power(self, *_: str) -> str:
        """Mount what is left."""
        if self.channel >= 0:
            # Before the folder is left, so that the kernel has nowhere to write what only it knows.
            os.close(self.channel)
        unmount(self._path)
        self.kernel = Kernel(self.volume)
        self.channel = mount(self._path, self.volume.nodes[ROOT])
        return "on"

    def cut(self, *words: str) -> str:
        """From now on nothing of it can be read or written, whoever still tries."""
        self.kernel.dark = True
        self.volume.cut(Random(words[0]) if words else None)
        return "off"

    def limit(self, *words: str) -> str:
        self.volume.limit = int(words[0]) if words else None
        return str(self.volume.used)

    def honest(self, *words: str) -> str:
        self.volume.honest = words == ("yes",)
        return words[0]

    def used(self, *_: str) -> str:
        return str(self.volume.used)

    def run(self) -> None:
        """Until standard input ends."""
        orders = sys.stdin.fileno()
        poll = select.poll()
        poll.register(orders, select.POLLIN)
        while True:
            if self.channel >= 0:
                poll.register(self.channel, select.POLLIN)
            ready = dict(poll.poll())
            if self.channel in ready and not self.kernel.serve(self.channel):
                poll.unregister(self.channel)
                self.channel = -1
            if orders in ready:
                if not (line := os.read(orders, 4096).decode()):
                    return
                word, *more = line.split()
                if word == "power" and self.channel >= 0:
                    poll.unregister(self.channel)
                os.write(sys.stdout.fileno(), f"{getattr(self, word)(*more)}\n".encode())


if __name__ == "__main__":
    disk = Disk(Path(sys.argv[1]))
    try:
        os.write(sys.stdout.fileno(), f"{disk.power()}\n".encode())
        disk.run()
    finally:
        if disk.channel >= 0:
            os.close(disk.channel)
        unmount(Path(sys.argv[1]))
