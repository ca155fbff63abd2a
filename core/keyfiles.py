"""Secrets in files: made once in the platform's private folder, unless the operator's secret store gives them."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a file, written on first use; whoever comes second reads what the first one wrote."""
    if not path.exists():
        private_folder(path.parent)
        draft = write_draft(path, make())
        try:
            os.link(draft, path)  # fails if another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    _close(path, 0o600)
    return path.read_bytes()


def private_folder(path: Path) -> Path:
    """A folder that its owner alone may enter."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    _close(path, 0o700)
    return path


def _close(path: Path, mode: int) -> None:
    """Take away what others may do with it: a copy that was restored, say, is as open as the archive was."""
    if path.stat().st_mode & 0o077:
        with contextlib.suppress(PermissionError):  # it is another's, who lets this process read it
            path.chmod(mode)


def write_draft(path: Path, data: bytes) -> Path:
    """A complete file beside `path`, readable by the platform alone: link or rename it into place."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return draft


def given_or_made(given: str, variable: str, name: str, make: Callable[[], bytes]) -> tuple[Path, bytes]:
    """The file that the operator names in `variable`, or (for a trial) one made in `var/keys`; and its content.

    Raises
    ------
    ImproperlyConfigured
        If the named file cannot be read: a key must never be replaced silently by a new one.
    """
    if not given:
        path = Path(settings.VAR) / "keys" / name
        return path, made_once(path, make)
    try:
        return Path(given), Path(given).read_bytes()
    except OSError as error:
        raise ImproperlyConfigured(f"{variable} names {given}, which cannot be read: {error.strerror}.") from None
