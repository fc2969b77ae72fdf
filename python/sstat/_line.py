"""The line format: names, values and the JSON of an update."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from typing import Any, Callable

STATUSES = ("idle", "working", "blocked", "completed", "error")
MAX_BYTES = 64 * 1024
MAX_DEPTH = 64
MAX_NAME_BYTES = 243
# 1,000 years, the longest duration of `sstat push --expect`.
MAX_EXPECT = 1000 * 365 * 86400

# Characters with the Unicode property White_Space. str.strip() removes control
# characters too.
_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

# Control characters and invisible characters, as in src/text.rs.
_NEVER_PRINTED = (
    "\0-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
# Joiners and variation selectors are printed after characters that they modify.
_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SYMBOLS = "\xa9\xae\u2010-\u33ff\U0001f000-\U0001faff"
_JOINED = (
    "\u0600-\u109f\u1700-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe0f\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
_MODIFIERS = (
    ("\u200c\u200d", _SYMBOLS + _JOINED),
    ("\ufe0e\ufe0f", _SYMBOLS + "0-9#*"),
    ("\ufe00-\ufe0d", _IDEOGRAPHS + _SYMBOLS + "0\u1000-\u109f\ua840-\ua87f\uff01-\uff1f"),
    ("\U000e0100-\U000e01ef", _IDEOGRAPHS),
    ("\u180b-\u180d\u180f", "\u1820-\u18aa"),
)
_NEVER = re.compile(f"[{_NEVER_PRINTED}]")
_MODIFIES = [(re.compile(f"[{modifiers}]"), re.compile(f"[{bases}]")) for modifiers, bases in _MODIFIERS]
_CANDIDATE = re.compile(f"[{_NEVER_PRINTED}{''.join(modifiers for modifiers, _ in _MODIFIERS)}]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def session_name(text: str) -> str:
    """Makes a session's name of any text.

    Raises ``ValueError`` if the text is blank.
    """
    text = _SURROGATE.sub("\ufffd", str(text)).strip(_WHITE_SPACE)
    name = re.sub(r"^[.-]|[/\\]", "_", _replace_unprintable(text, lambda _: "_"))
    name = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore").rstrip(_WHITE_SPACE)
    if not name:
        raise ValueError("invalid session name: must not be empty")
    return name


class Update:
    """One update, with checked values.

    Raises ``ValueError`` or ``TypeError`` for a value that cannot be recorded.
    """

    def __init__(
        self,
        session: str,
        status: str,
        message: str,
        progress: float | None,
        task_id: str | None,
        metadata: Mapping[str, Any] | None,
        expect: float | None,
    ) -> None:
        if status not in STATUSES:
            raise ValueError(f"invalid status {status!r}: expected one of {', '.join(STATUSES)}")
        if progress is None and status == "completed":
            progress = 1.0
        if progress is not None:
            progress = float(progress)
            if math.isnan(progress):
                raise ValueError("invalid progress nan: expected a number from 0.0 to 1.0")
            # Without the sign of -0.0.
            progress = abs(min(max(progress, 0.0), 1.0))
        if expect is not None and not 0 <= expect <= MAX_EXPECT:
            raise ValueError(f"invalid expect {expect}: expected seconds from 0 to {MAX_EXPECT}")
        if not message and status == "idle":
            message = "Waiting for tasks"
        self.session = session
        self.status = status
        self.progress = progress
        self.message = str(message or "")
        self.task_id = None if task_id is None else str(task_id)
        self.metadata = None if metadata is None else _object(metadata)
        # Ages are whole seconds.
        self.stale_after = None if expect is None else int(expect)

    def encode(self, process: str | None, run: str | None, tmux: str | None) -> bytes:
        """Returns the line, with its newline. ``process`` is JSON."""
        timestamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        values: dict[str, str | None] = {
            "timestamp": _dumps(timestamp),
            "session": _dumps(self.session),
            "status": _dumps(self.status),
            "progress": None if self.progress is None else _number(self.progress),
            "message": _dumps(self.message),
            "task_id": None if self.task_id is None else _dumps(self.task_id),
            "metadata": self.metadata,
            "stale_after": None if self.stale_after is None else str(self.stale_after),
            "process": process,
            "run": None if run is None else _dumps(run),
            "tmux": None if tmux is None else _dumps(tmux),
        }
        members = [f'"{key}":{value}' for key, value in values.items() if value is not None]
        text = _SURROGATE.sub("\ufffd", "{" + ",".join(members) + "}")
        line = _replace_unprintable(text, _escape).encode() + b"\n"
        if len(line) > MAX_BYTES:
            raise ValueError(
                f"session '{self.session}': {len(line)} bytes are more than the {MAX_BYTES} of a "
                "line; shorten the message or the metadata"
            )
        return line


def _object(metadata: Mapping[str, Any]) -> str:
    """Returns the JSON of metadata, with ``null`` for NaN and infinities."""
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata: expected a mapping, not {type(metadata).__name__}")
    try:
        text = _dumps(metadata, allow_nan=False)
    except ValueError:
        text = _dumps(_without_nan(metadata), allow_nan=False)
    if _depth(text) >= MAX_DEPTH:
        raise ValueError(f"metadata: is nested deeper than {MAX_DEPTH - 1}")
    return text


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(inner) for inner in value]
    return value


def _depth(text: str) -> int:
    """Returns how deeply a JSON text is nested."""
    depth = deepest = 0
    for bracket in re.findall(r'[{}\[\]]', re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if bracket in "{[" else -1
        deepest = max(deepest, depth)
    return deepest


def _dumps(value: Any, allow_nan: bool = True) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=allow_nan, separators=(",", ":"))


def _number(value: float) -> str:
    """Returns a number in the notation of `sstat push`: Python writes 1e-05 for
    0.00001, and two digits of an exponent."""
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    if int(exponent) == -5:
        return "0.0000" + mantissa.replace(".", "")
    return f"{mantissa}e{int(exponent)}"


def _escape(character: str) -> str:
    """Returns a character as JSON's \\uXXXX, one or two of them."""
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at:at + 4]}" for at in range(0, len(units), 4))


def _replace_unprintable(text: str, replacement: Callable[[str], str]) -> str:
    if not _CANDIDATE.search(text):
        return text
    replaced = []
    previous = ""
    for character in text:
        is_hidden = _NEVER.match(character) or any(
            modifiers.match(character) and not bases.match(previous)
            for modifiers, bases in _MODIFIES
        )
        replaced.append(replacement(character) if is_hidden else character)
        previous = "" if is_hidden else character
    return "".join(replaced)
