"""Reports the status of a worker to sstat.

    from sstat import SessionStatus

    status = SessionStatus("manager1")
    status.working("Querying DB", progress=0.5, task_id="160")
    status.completed("Report sent")

Each update is one JSON line in ``data/session_status/manager1_status.json``.
``sstat watch`` on the command line shows it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from . import _directory, _line

# Windows has no flock, and the other systems no /proc, by which a process is
# identified.
if sys.platform == "linux":
    from ._file import StatusFile as _Writer
else:
    from ._command import CommandWriter as _Writer

__all__ = ["SessionStatus"]


class SessionStatus:
    """A handle with which a worker reports its own status.

    ``name`` is the session's name. Characters that a name cannot have become
    ``_``, so ``feature/login`` is the session ``feature_login``.

    ``base_dir`` is the directory of the status files. By default, it is
    ``SSTAT_DIR``, else the nearest ``data/session_status`` in the current
    directory or a parent, else a new one in the current directory. It is created
    if it is missing.

    Each update names this process, so that readers notice when it ends. A handle
    can be shared by threads, and can be used after ``os.fork``. No file is opened
    before the first update.

    Raises ``ValueError`` for an empty name and ``OSError`` if the directory
    cannot be used.
    """

    def __init__(self, name: str, base_dir: str | os.PathLike[str] | None = None) -> None:
        self.name = _line.session_name(name)
        self.directory = _directory.find(base_dir)
        self._writer: _Writer | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()

    def idle(
        self,
        message: str = "",
        progress: float | None = None,
        task_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expect: float | None = None,
    ) -> None:
        """Reports that the worker waits for a task. See :meth:`push`."""
        self.push("idle", message, progress, task_id, metadata, expect)

    def working(
        self,
        message: str = "",
        progress: float | None = None,
        task_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expect: float | None = None,
    ) -> None:
        """Reports work on a task. See :meth:`push`."""
        self.push("working", message, progress, task_id, metadata, expect)

    def blocked(
        self,
        message: str = "",
        progress: float | None = None,
        task_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expect: float | None = None,
    ) -> None:
        """Reports that the worker cannot continue. The message gives the reason."""
        self.push("blocked", message, progress, task_id, metadata, expect)

    def completed(
        self,
        message: str = "",
        progress: float | None = 1.0,
        task_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expect: float | None = None,
    ) -> None:
        """Reports the end of a task, with progress 1.0. See :meth:`push`."""
        self.push("completed", message, progress, task_id, metadata, expect)

    def error(
        self,
        message: str = "",
        progress: float | None = None,
        task_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expect: float | None = None,
    ) -> None:
        """Reports a failure. The message gives the reason."""
        self.push("error", message, progress, task_id, metadata, expect)

    def push(
        self,
        status: str,
        message: str = "",
        progress: float | None = None,
        task_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expect: float | None = None,
    ) -> None:
        """Appends an update to the session's file.

        ``status`` is ``idle``, ``working``, ``blocked``, ``completed`` or
        ``error``. ``progress`` is clamped to the range from 0.0 to 1.0.
        ``metadata`` is the worker's own data, which JSON can represent. ``expect``
        is how many seconds the worker may be silent before this update is stale.

        Returning means that the line was written exactly once, an exception that
        it was written at most once. Waits up to 2 s while another program holds
        the file's lock, and 20 ms while another program writes a line.

        Raises ``ValueError`` or ``TypeError`` for an argument that cannot be
        recorded, and ``OSError`` with the reason if the file cannot be written.
        """
        update = _line.Update(self.name, status, message, progress, task_id, metadata, expect)
        if self._pid != os.getpid():
            # After a fork, the parent's threads and its open file are not ours.
            self._pid, self._lock, self._writer = os.getpid(), threading.RLock(), None
        with self._lock:
            # A signal handler that pushes meanwhile opens the file again.
            writer, self._writer = self._writer, None
            writer = writer or _Writer(self.directory, self.name)
            writer.push(update)
            self._writer = writer
