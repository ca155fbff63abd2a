"""Files that a board attaches to a finding: known by their first bytes, given back as downloads only."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from core.errors import ApplicationError

MOST_BYTES = 5 * 2**20
_KINDS = ((b"%PDF-", ".pdf", "application/pdf"), (b"\x89PNG\r\n\x1a\n", ".png", "image/png"),
          (b"\xff\xd8\xff", ".jpg", "image/jpeg"))  # fmt: skip
_TEXTS = {".txt": "text/plain", ".csv": "text/csv", ".json": "application/json"}


def kind_of(name: str, data: bytes) -> str:
    """The media type of an attachment.

    Raises
    ------
    ApplicationError
        If it is too large, or neither PDF, PNG, JPEG nor text in UTF-8.
    """
    if len(data) > MOST_BYTES:
        raise ApplicationError(
            _("Expected a file of at most %(most_bytes)s bytes; got %(n)s.")
            % {"most_bytes": f"{MOST_BYTES:,}", "n": f"{len(data):,}"}
        )
    ending = "." + name.rsplit(".", 1)[-1].lower().replace("jpeg", "jpg")
    for magic, suffix, kind in _KINDS:
        if data.startswith(magic) and ending == suffix:
            return kind
    if ending in _TEXTS and _is_text(data):
        return _TEXTS[ending]
    raise ApplicationError("Expected a PDF, PNG, JPEG, TXT, CSV or JSON file whose content is what its name says.")


def safe_name(name: str) -> str:
    """The file's name without anything that a header or a file system could misread."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name.replace("\\", "/").rsplit("/", 1)[-1]).strip(".-")[-100:] or "file"


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False
