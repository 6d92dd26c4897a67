"""One process at a time: a lock that a dead process does not hold."""

import errno
import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from thrmlDenoising.runs.folder import RunFolder
from thrmlDenoising.support.files import through_link, written_aside
from thrmlDenoising.support.reading import read_text
from thrmlDenoising.support.warn import warn

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
_LARGEST_HOLDER = 2**12


class InUseError(OSError):
    """Another process, or another model of this one, is at work there."""


def run_used_alone(run: RunFolder) -> AbstractContextManager[None]:
    """Lets nobody else write into a run while the block does; see `used_alone`."""
    return used_alone(run.lock, f"the run {run.root}")


@contextmanager
def used_alone(lock: Path, what: str, wait_seconds: float = 0) -> Iterator[None]:
    """Holds a lock while the block runs; the file is there for as long as that.

    The system lets go of it when the process ends, however that happens. Where the file system
    has no locks, that is warned about, and nobody is kept out.

    Args:
        lock: the file; its folder is made if it is missing.
        what: is in use, for the message.
        wait_seconds: for one who is just leaving.

    Raises:
        InUseError: somebody else holds it; says who, and what to do.
        OSError: the file cannot be made or locked, or something else has its name.
    """
    # Programs that read the file to know who holds it would have to open it, which some systems
    # refuse and some versions of filelock answer by emptying it: that stands beside it.
    holder = lock.with_name(f"{lock.name}.holder")
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock, fallback_to_soft=False)
    no_locks = _acquire(held, lock, wait_seconds, lambda: _in_use(what, holder))
    if no_locks:
        warn(
            f"the file system of {lock.parent} has no locks ({no_locks}): nothing will keep a "
            f"second process from {what}, which would spoil it",
            stacklevel=3,
        )
        yield
        return
    try:
        _say_who(holder)
        yield
    finally:
        # Removed while it is held: whoever opened it meanwhile sees that it is gone, and makes a
        # new one. The whole folder may be gone as well; Windows removes no open file.
        for path in (holder, lock):
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):
            held.release()


def _acquire(
    held: FileLock, lock: Path, wait_seconds: float, in_use: Callable[[], str]
) -> str | None:
    """Takes the lock; what the file system says if it has none, which the caller has to tell."""
    try:
        held.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise InUseError(in_use()) from error
    except (OSError, NotImplementedError) as error:
        if _has_no_locks(error):
            return str(error)
        if lock.is_symlink():
            raise through_link(lock) from error
        raise
    return None


def _has_no_locks(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or getattr(error, "errno", None) in _NO_LOCKS


def _say_who(holder: Path) -> None:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    facts = {"pid": os.getpid(), "host": platform.node(), "since": since}
    # A full disk is told of by what has to be written.
    with suppress(OSError), written_aside(holder) as aside:
        aside.write_text(json.dumps(facts), encoding="utf-8")


def _in_use(what: str, holder: Path) -> str:
    try:
        facts = json.loads(read_text(holder, _LARGEST_HOLDER))
        pid, host, since = facts["pid"], facts["host"], facts["since"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{what} is in use by another process: wait until it ends, or end it"
    if (pid, host) == (os.getpid(), platform.node()):
        return f"{what} is in use since {since} by another model of this process: let it end first"
    return (
        f"{what} is in use since {since} by process {pid} on {host}: wait until it ends, or end it "
        "(what it has saved stays)"
    )
