"""The identity and surroundings of this process, as `sstat push` records them on Linux."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from typing import NamedTuple

# As in src/process/.
MAX_ANCESTORS = 64


class _Stat(NamedTuple):
    parent: int
    start_time: int


def current() -> str | None:
    """Returns the identity of this process as JSON, if /proc is mounted."""
    return _identity(os.getpid())


def wrapper_run() -> str | None:
    """Returns the run of the `sstat push -- COMMAND` that started this process."""
    return _wrapper_run(os.getpid(), os.environ.get("SSTAT_RUN", ""))


def tmux_pane() -> str | None:
    """Returns the socket and the pid of the tmux server, and the pane."""
    # The last field of TMUX is the index of a session.
    server, comma, _ = os.environ.get("TMUX", "").rpartition(",")
    pane = os.environ.get("TMUX_PANE")
    return f"{server},{pane}" if comma and pane else None


@lru_cache(maxsize=1)
def _identity(pid: int) -> str | None:
    stat = _stat(pid)
    boot_id = _read("/proc/sys/kernel/random/boot_id")
    if stat is None or boot_id is None:
        return None
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return None
    identity = {
        "pid": pid,
        "start_time": stat.start_time,
        "boot_id": boot_id.strip(),
        "host": os.uname().nodename,
        "pid_namespace": namespace,
    }
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        machine = (_read(path) or "").strip()
        if re.fullmatch("[0-9a-fA-F]{32}", machine):
            identity["machine"] = _hash(machine)
            break
    return json.dumps(identity, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=1)
def _wrapper_run(pid: int, run: str) -> str | None:
    """The variable may be inherited from elsewhere: a run counts only if it is
    that of an ancestor of `pid`."""
    wrapper, _, rest = run.partition("-")
    boot_id = (_read("/proc/sys/kernel/random/boot_id") or "").strip()
    stat = _stat(pid)
    for _ in range(MAX_ANCESTORS):
        if stat is None:
            return None
        parent, stat = stat.parent, _stat(stat.parent)
        if stat is not None and str(parent) == wrapper and rest == f"{stat.start_time}-{boot_id}":
            return run
    return None


def _hash(machine: str) -> str:
    """Returns the 64-bit FNV-1a hash of `sstat` and the machine id, which stays
    private."""
    value = 0xCBF29CE484222325
    for byte in b"sstat" + machine.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def _stat(pid: int) -> _Stat | None:
    line = _read(f"/proc/{pid}/stat")
    if line is None:
        return None
    # The name in field 2 can contain spaces and parentheses.
    fields = line[line.rindex(")") + 1 :].split()
    return _Stat(parent=int(fields[1]), start_time=int(fields[19]))


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
