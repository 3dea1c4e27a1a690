"""Becomes a server that cannot outlive its supervisor.

Started by file path in an isolated interpreter (`python -I -S`): it must work before any package can be imported, run
in one thread (so that nothing but these lines stands between fork and exec), and load everything it needs while it
still is the user who may read it. Arguments: supervisor's pid, signal, uid, gid (-1: stay who you are), program, its
arguments.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, signal: int, uid: int, gid: int, argv: list[str]) -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if uid >= 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    # After the change of user, which clears it; before the look at the parent, who may have died meanwhile.
    if prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        raise SystemExit(0)
    os.umask(0o077)
    os.execv(argv[0], argv)  # noqa: S606 - there is no shell, and the arguments are our own.


if __name__ == "__main__":
    try:
        parent, signal, uid, gid = map(int, sys.argv[1:5])
        become(parent, signal, uid, gid, sys.argv[5:])
    except OSError as problem:
        sys.exit(f"{sys.argv[5]}: {problem}")
