"""Canonical JSON: one value, one byte string, so that a hash of the bytes is a hash of the value.

The output is RFC 8785 (JCS). The input is the subset on which JSON libraries agree: ASCII keys (their byte order is
JCS's UTF-16 order), strings, booleans, null, lists, dicts, and integers that a double holds exactly (|n| < 2^53).
Floats are refused, not rounded: `encode_floats` turns them into decimal strings first, on purpose and visibly.

References
----------
.. [1] RFC 8785, JSON Canonicalization Scheme, sections 3.2.2 and 3.2.3.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

from provenance.domain.errors import CanonicalError

MAX_INTEGER = 2**53 - 1  # the largest integer that every JSON reader keeps exactly (RFC 8785, 3.2.2.3)
MAX_DEPTH = 64  # deeper input is an attack on the stack, not a record
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def canonical(value: Any) -> bytes:
    """Encode a value as canonical JSON.

    Parameters
    ----------
    value : None, bool, int, str, list, tuple or dict
        Any nesting of these, at most 64 deep. Dict keys are ASCII strings; |int| < 2^53.

    Returns
    -------
    bytes
        UTF-8, no white space, keys sorted. Equal values give equal bytes.

    Raises
    ------
    CanonicalError
        Naming the path of the first member outside the subset.
    """
    _check(value, "$", 0)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def parse_canonical(data: bytes) -> Any:
    """Decode bytes that must be canonical JSON; anything `canonical` would not have written is refused.

    Raises
    ------
    CanonicalError
        If the bytes are not JSON, repeat a key, or are not in canonical form.
    """
    _check_depth(data)
    try:
        value = json.loads(data.decode())
    except ValueError as error:
        raise CanonicalError("$", f"expected canonical JSON, got bytes that do not parse: {error}") from None
    if canonical(value) != data:  # also catches repeated keys, white space, 1.0 and escapes
        raise CanonicalError("$", "expected canonical JSON, got JSON in another form; encode it with canonical()")
    return value


def encode_floats(value: Any, path: str = "$", depth: int = 0) -> Any:
    """Replace every float or Decimal by a decimal string, so that the value can be canonical.

    A float becomes the shortest decimal that reads back to the same double (``0.1`` gives ``"0.1"``, minus zero gives
    ``"-0.0"``); a Decimal keeps its digits. The input is not modified.

    Raises
    ------
    CanonicalError
        If a number is NaN or infinite: store None, or a word that says why there is no number.
    """
    if depth > MAX_DEPTH:
        raise _too_deep(path)
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise CanonicalError(path, f"expected a finite number, got {value}; store null or a reason instead")
        return float.__repr__(value) if isinstance(value, float) else str(value)  # numpy overrides repr, not float's
    if isinstance(value, dict):
        return {key: encode_floats(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode_floats(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
    return value


def _check(value: Any, path: str, depth: int) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise CanonicalError(path, f"expected an integer within ±(2^53 - 1), got {value}; write it as a string")
    elif depth >= MAX_DEPTH:
        raise _too_deep(path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise CanonicalError(path, f"expected ASCII string keys, got {key!r}")
            _check(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check(item, f"{path}[{i}]", depth + 1)
    elif isinstance(value, float | Decimal):
        raise CanonicalError(path, f"expected no floating-point number, got {value!r}; use encode_floats() first")
    else:
        raise CanonicalError(path, f"expected a JSON value, got {type(value).__name__}")


def _check_depth(data: bytes) -> None:
    """Refuse deep nesting before the parser sees it.

    Python's JSON parser recurses in C, guarded by the recursion limit alone. py-evm raises that limit process-wide, and
    then 100,000 brackets crash the interpreter.
    """
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise _too_deep("$")


def _too_deep(path: str) -> CanonicalError:
    return CanonicalError(path, f"expected at most {MAX_DEPTH} levels of nesting, got more")


def _check_text(value: str, path: str) -> None:
    if value.isascii():
        return
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CanonicalError(path, "expected text that UTF-8 can carry, got a lone surrogate") from None
