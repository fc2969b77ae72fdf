"""The status directory: named, in the project, or a new one."""

from __future__ import annotations

import errno
import os
import re

PROJECT_DIRECTORY = os.path.join("data", "session_status")


def find(base_dir: str | os.PathLike[str] | None) -> str:
    """Returns the absolute path of the directory, which is created if it is
    missing.

    The rules are those of `sstat push`, but without a directory in the project a
    new `data/session_status` is created in the current directory.
    """
    if base_dir is not None:
        path = _named(os.fspath(base_dir))
    elif os.environ.get("SSTAT_DIR"):
        path = _from_variable(os.environ["SSTAT_DIR"])
    else:
        path = _search_up(os.getcwd()) or PROJECT_DIRECTORY
    path = os.path.abspath(path)
    _create(path)
    return path


def _from_variable(value: str) -> str:
    """Returns the first directory of a list. A value that names an existing
    directory is one directory."""
    if not os.path.isdir(value):
        value = next((entry for entry in value.split(os.pathsep) if entry), value)
    return _named(value)


def _named(path: str) -> str:
    """Expands `~/`. A literal `$NAME` results from a quoting mistake."""
    if path.startswith("~/"):
        path = os.path.expanduser(path)
    variable = re.search(r"\$\{?[A-Za-z_][A-Za-z0-9_]*", path)
    if variable and not os.path.isdir(path):
        name = variable[0].replace("{", "")
        raise OSError(errno.EINVAL, f"contains {name}, which was not expanded", path)
    return path


def _search_up(current: str) -> str | None:
    """Returns the nearest directory of a project. The search includes the home
    directory, and stops at mount points."""
    home = os.path.realpath(os.path.expanduser("~"))
    device = os.stat(current).st_dev
    directory = current
    while os.stat(directory).st_dev == device:
        candidate = os.path.join(directory, PROJECT_DIRECTORY)
        if os.path.isdir(candidate):
            _check_owner(candidate)
            return candidate
        parent = os.path.dirname(directory)
        if directory in (home, parent):
            break
        directory = parent
    return None


def _check_owner(path: str) -> None:
    """Refuses a directory of another user, who could show false statuses."""
    if not hasattr(os, "geteuid"):
        return
    trusted = {0, os.geteuid()}
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdecimal():
        trusted.add(int(os.environ["SUDO_UID"]))
    owner = os.stat(path).st_uid
    if owner not in trusted:
        raise PermissionError(
            errno.EPERM, f"belongs to user {owner}; name it with base_dir or SSTAT_DIR to use it", path
        )


def _create(path: str) -> None:
    if os.path.isdir(path):
        return
    parent, name = os.path.split(path)
    if parent != path:
        _create(parent)
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", path) from None
        return
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            created = os.open(name, flags, dir_fd=above)
            try:
                if os.fstat(created).st_uid == 0 and not os.listdir(created):
                    give_to_owner_of(created, above)
            finally:
                os.close(created)
        finally:
            os.close(above)


def give_to_owner_of(created: int, directory: int) -> None:
    """Gives what root has just created to the owner of its directory."""
    owner = os.fstat(directory)
    if os.geteuid() == 0 and owner.st_uid != 0:
        try:
            os.fchown(created, owner.st_uid, owner.st_gid)
        except PermissionError:
            pass
