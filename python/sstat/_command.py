"""Updates through the command `sstat`, where they cannot be written in-process."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sysconfig

from ._line import Update


class CommandWriter:
    """Runs `sstat push` for each update."""

    def __init__(self, directory: str, session: str) -> None:
        self._directory = directory
        self._session = session

    def push(self, update: Update) -> None:
        """Raises ``OSError`` with the command's message if it fails."""
        arguments = [_find(), "push", self._session, update.status]
        arguments += ["--dir", self._directory, "--pid", str(os.getpid())]
        options = {
            "--message": update.message,
            "--progress": None if update.progress is None else repr(update.progress),
            "--task": update.task_id,
            "--metadata": update.metadata,
            "--expect": None if update.stale_after is None else f"{update.stale_after}s",
        }
        arguments += [f"{option}={value}" for option, value in options.items() if value is not None]
        result = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if result.returncode != 0:
            reason = result.stderr.decode(errors="replace").strip()
            raise OSError(errno.EIO, reason or f"exit code {result.returncode}", self._directory)


def _find() -> str:
    """Returns the path of the command, at first beside this interpreter."""
    name = "sstat.exe" if os.name == "nt" else "sstat"
    schemes: list[str] = [sysconfig.get_path("scripts")]
    schemes.append(sysconfig.get_path("scripts", f"{os.name}_user"))
    for directory in schemes:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    found = shutil.which("sstat")
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "the command sstat is not installed", "sstat")
    return found
