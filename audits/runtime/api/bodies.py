"""A batch request's content: JSON or a record a line, plain or gzip, within limits whatever it unpacks to."""

from __future__ import annotations

import zlib

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from audits.runtime.rows import Body
from core.errors import ApplicationError

JSON, NDJSON = "application/json", "application/x-ndjson"
_FLAGS = {"": False, "0": False, "1": True}


class TooLarge(ApplicationError):
    status = 413
    code = "too_large"


class Unsupported(ApplicationError):
    status = 415
    code = "unsupported_media_type"


def batch_body(request: HttpRequest) -> Body:
    """The content of a batch, and how it is to be taken.

    Raises
    ------
    Unsupported
        If it is of another type or coding than those that are read.
    TooLarge
        If it is, or unpacks to, more than the service reads at once.
    ApplicationError
        If it is no whole gzip, or `partial` is neither 0 nor 1.
    """
    lines = _is_lines(request)
    partial = _FLAGS.get(given := request.GET.get("partial", ""))
    if partial is None:
        raise ApplicationError(f"partial: expected 0 (all or none) or 1 (keep the good rows), got {given[:20]!r}.")
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip"}:
        raise Unsupported(f"Content-Encoding: expected gzip or none, got {coding[:40]!r}.")
    try:
        data = request.body
    except RequestDataTooBig:
        raise _too_large() from None
    return Body(_unpacked(data) if coding == "gzip" else data, lines, partial)


def _is_lines(request: HttpRequest) -> bool:
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if request.content_type not in {JSON, NDJSON} or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise Unsupported(
            f"Content-Type: expected {JSON} (one object) or {NDJSON} (a record a line), in UTF-8, got "
            f"{request.headers.get('Content-Type', 'none')[:60]!r}."
        )
    return request.content_type == NDJSON


def _unpacked(data: bytes) -> bytes:
    """Unpack no more than the limit: a few kilobytes of gzip can hold gigabytes."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    unpacker = zlib.decompressobj(wbits=31)
    try:
        out = unpacker.decompress(data, most + 1)
    except zlib.error as error:
        raise ApplicationError(f"The body is not gzip, though Content-Encoding says so: {error}") from None
    if len(out) > most:
        raise _too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise ApplicationError("The gzip body is cut short or is followed by something else. Send it again, whole.")
    return out


def _too_large() -> TooLarge:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE / 2**20
    return TooLarge(f"The request is larger than the {most:.0f} MiB that are read at once; send fewer records.")
