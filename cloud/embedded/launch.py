"""Becomes the given command, after asking the kernel to signal it when the thread that started it ends.

Run by process.py as a script, `launch.py PARENT_PID SIGNAL UID:GID COMMAND...`. It is a program and not a
hook between fork and exec, because such a hook is unsafe in a program with threads. The kernel forgets the
request at a change of user, so that comes before; exec keeps it.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main(parent: str, signal: str, user: str, *command: str) -> None:
    uid, gid = map(int, user.split(":"))
    if uid != os.geteuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl PR_SET_PDEATHSIG")
    if os.getppid() != int(parent):
        sys.exit(f"process {parent}, which wanted {command[0]}, has ended already")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
