"""One writer for one output: a lock that the system gives up when its process ends, however it
ends."""

import contextlib
import glob
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import cannot_write, remove_dead_parts

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ATTEMPTS = 1000
"""How often a lock file, or its folder, may vanish while it is being locked."""
FAR = 1 << 30
"""The byte that is locked on Windows, where nobody could read it: one that the file does not
have."""


@contextmanager
def only_writer(folder: Path, name: str = "", option: str = "--output") -> Iterator[None]:
    """Around all that a command writes into ``folder``: no other process does so meanwhile.

    The folder is made if need be, and temporary files of dead processes in it are removed. At the
    end the lock file is removed, and so are folders that were made here and are still empty. The
    lock of a killed process holds nobody up. Where a file system has no locks, there are none.

    Args:
        folder: the output, or the folder that it lies in.
        name: of the output in ``folder`` where it is a file; empty for the whole folder.
        option: the option that names the output, for the complaint.

    Raises:
        CrosswakeError: another process is at it, or the folder cannot be written.
    """
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    path = folder / f".{name or 'crosswake'}.lock"
    try:
        lock = take_lock(path, folder / name, option)
        try:
            remove_dead_parts(folder, glob.escape(name) or "*")
            yield
        finally:
            give_back(lock, path)
    finally:
        for made in new:  # from the inside out
            with contextlib.suppress(OSError):
                made.rmdir()


def take_lock(path: Path, output: Path, option: str) -> int:
    """The open and locked file ``path``, which says whose it is.

    Raises:
        CrosswakeError: another process holds it, or it cannot be written.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    for attempt in range(ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(path, flags, 0o666)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and attempt < ATTEMPTS - 1:
                continue  # whoever made the folder has just removed it
            raise cannot_write(output, error, option) from error
        if not lock_file(lock):
            holder = os.read(lock, 200).decode(errors="replace")
            os.close(lock)
            who = f" ({holder})" if holder.isprintable() and holder else ""
            raise CrosswakeError(
                f"{option}: {output} is being written by another process{who}; wait for it to "
                f"end, or choose another {option}"
            )
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                with contextlib.suppress(OSError):  # a full disk; it locks all the same
                    os.ftruncate(lock, 0)
                    os.write(lock, f"process {os.getpid()} on {platform.node()}".encode())
                return lock
        os.close(lock)  # its holder removed it after it was opened here
    raise CrosswakeError(f"{option}: others write {output} all the time; choose another {option}")


def lock_file(lock: int) -> bool:
    """Lock an open file; false if another process has it."""
    try:
        if sys.platform == "win32":
            os.lseek(lock, FAR, os.SEEK_SET)
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
            os.lseek(lock, 0, os.SEEK_SET)
        else:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass  # a file system without locks
    return True


def give_back(lock: int, path: Path) -> None:
    """Remove the lock file and let it go: in this order where the system allows it, so that nobody
    else's is removed."""
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(lock)
    if sys.platform == "win32":  # which removes no open file, neither ours nor the next one's
        with contextlib.suppress(OSError):
            path.unlink()
