"""What can go wrong between a site and its key-management entity (KME)."""

from __future__ import annotations


class QkdError(Exception):
    """No key from the QKD link; the message says why."""


class QkdLimit(QkdError):
    """Refused before asking: the number or size of keys is out of the KME's range."""


class QkdBadRequest(QkdError):
    """400: the KME does not take the request as it was put."""


class QkdUnauthorised(QkdError):
    """401: the certificate is not that of an SAE that may have these keys."""


class QkdUnavailable(QkdError):
    """503: the KME has no key now; the link may be down or under attack."""


class QkdUnreachable(QkdError):
    """No answer: network, TLS or timeout."""


class QkdProtocolError(QkdError):
    """An answer that is not in the format of the standard."""
