"""Secrets in files: made once in the platform's private folder, unless the operator's secret store gives them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a file, written on first use; whoever comes second reads what the first one wrote."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = write_draft(path, make())
        try:
            os.link(draft, path)  # fails if another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


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
