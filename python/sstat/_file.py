"""Appends lines to a status file that other programs write to as well.

The steps are those of src/store/append.rs, which gives the reasons: open, lock,
start on a new line, write once, read back.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time

from . import _process
from ._directory import give_to_owner_of
from ._line import Update

LOCK_SECONDS = 2.0
WRITER_SECONDS = 0.02
MAX_WRITES = 5
MAX_OPENS = 100
# How many bytes before a written line are read back.
CONTEXT = 256


class StatusFile:
    """A status file that is kept open for appending."""

    def __init__(self, directory: str, session: str) -> None:
        self._path = os.path.join(directory, session + "_status.json")
        self._descriptor: int | None = None

    def __del__(self) -> None:
        self._close()

    def push(self, update: Update) -> None:
        """Appends the line of an update.

        Returning means that it was written exactly once; ``OSError`` that it was
        written at most once.
        """
        line = update.encode(_process.current(), _process.wrapper_run(), _process.tmux_pane())
        try:
            descriptor = self._open_and_lock()
            self._write(descriptor, line)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        except BaseException:
            # Closing releases the lock.
            self._close()
            raise

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _error(self, number: int, reason: str) -> OSError:
        return OSError(number, reason, self._path)

    def _open_and_lock(self) -> int:
        """Opens and locks the file that the path names."""
        deadline = time.monotonic() + LOCK_SECONDS
        for _ in range(MAX_OPENS):
            if self._descriptor is None:
                self._descriptor = self._open()
            if self._descriptor is None:
                continue
            opened = os.fstat(self._descriptor)
            if not stat.S_ISREG(opened.st_mode):
                raise self._error(errno.EINVAL, "not a regular file")
            _lock(self._descriptor, deadline)
            try:
                if os.path.samestat(os.lstat(self._path), opened):
                    return self._descriptor
            except FileNotFoundError:
                pass
            # Renamed, replaced or removed while this program waited.
            self._close()
        raise self._error(errno.EAGAIN, f"was replaced {MAX_OPENS} times")

    def _open(self) -> int | None:
        """Returns ``None`` if another program creates the file at the same time."""
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            return os.open(self._path, flags)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._error(errno.ELOOP, "not a regular file but a symbolic link") from None
            raise
        directory, name = os.path.split(self._path)
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            created = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=opened)
            give_to_owner_of(created, opened)
            return created
        except FileExistsError:
            return None
        finally:
            os.close(opened)

    def _write(self, descriptor: int, line: bytes) -> None:
        """Writes the line until the file contains it."""
        on_new_line = _wait_for_newline(descriptor)
        for _ in range(MAX_WRITES):
            text = line if on_new_line else b"\n" + line
            if _write_once(descriptor, text, line):
                return
            on_new_line = _ends_with_newline(descriptor)
        raise self._error(errno.EIO, f"other writers damaged the line {MAX_WRITES} times")


def _lock(descriptor: int, deadline: float) -> None:
    """Locks a file, or returns without the lock after the deadline. The lock stops
    two sstat writers from terminating each other's incomplete lines; reading back
    detects the damage without it."""
    pause = 50e-6
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(pause, left))
            pause = min(pause * 2, 5e-3)
        except OSError:
            # A file system without locks.
            return


def _wait_for_newline(descriptor: int) -> bool:
    """Waits for the writer of an incomplete last line. Returns whether the file
    ends with a newline."""
    if _ends_with_newline(descriptor):
        return True
    deadline = time.monotonic() + WRITER_SECONDS
    while time.monotonic() < deadline:
        time.sleep(1e-3)
        if _ends_with_newline(descriptor):
            return True
    return False


def _ends_with_newline(descriptor: int) -> bool:
    while True:
        size = os.fstat(descriptor).st_size
        if size == 0:
            return True
        last = os.pread(descriptor, 1, size - 1)
        # Empty: the file was truncated since its size was read.
        if last:
            return last == b"\n"


def _write_once(descriptor: int, text: bytes, line: bytes) -> bool:
    """Writes `text`, which ends with `line`, and returns whether a reader accepts
    the line. A short write, as on a full disk, is continued; if that fails, the
    incomplete line gets a newline."""
    written = 0
    start = None
    is_contiguous = True
    while written < len(text):
        try:
            count = os.write(descriptor, text[written:])
        except OSError:
            if written > 0 and text[written - 1 : written] != b"\n":
                try:
                    os.write(descriptor, b"\n")
                except OSError:
                    pass
            raise
        # With O_APPEND, a write moves the position to its end.
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        if start is None:
            start = end - count
        is_contiguous = is_contiguous and end - start == written + count
        written += count
    if not is_contiguous or start is None or start < 0:
        return False
    start += len(text) - len(line)
    offset = max(start - CONTEXT, 0)
    found = os.pread(descriptor, start - offset + len(line), offset)
    before, after = found[: start - offset], found[start - offset :]
    # White space that another writer put in front of the line does no damage.
    before = before.rstrip(b" \t\r\f")
    return after == line and (before.endswith(b"\n") or (not before and offset == 0))
