"""Updates through the command `sstat`, where they cannot be written in-process."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sysconfig
from typing import List

from ._line import Update


def push(update: Update, directory: str) -> None:
    """Runs `sstat push`. Raises ``OSError`` with its message if it fails."""
    arguments = [_find(), "push", update.session, update.status]
    arguments += ["--dir", directory, "--pid", str(os.getpid())]
    options = {
        "--message": update.message,
        "--progress": None if update.progress is None else repr(update.progress),
        "--task": update.task_id,
        "--metadata": update.metadata,
    }
    for option, value in options.items():
        if value is not None:
            arguments.append(f"{option}={value}")
    result = subprocess.run(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if result.returncode != 0:
        reason = result.stderr.decode(errors="replace").strip() or f"exit code {result.returncode}"
        raise OSError(errno.EIO, reason, directory)


def _find() -> str:
    """Returns the path of the command, at first beside this interpreter."""
    name = "sstat.exe" if os.name == "nt" else "sstat"
    schemes: List[str] = [sysconfig.get_path("scripts")]
    schemes.append(sysconfig.get_path("scripts", f"{os.name}_user"))
    for directory in schemes:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    found = shutil.which("sstat")
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "the command sstat is not installed", "sstat")
    return found
