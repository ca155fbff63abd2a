"""What a provider can answer beside a result: one type per reason, each saying what to do."""

from __future__ import annotations

from federation.domain.quantum.device_errors import DeviceError


class ProviderError(DeviceError):
    """A provider did not do what was asked."""


class AccessRefused(ProviderError):
    """401 or 403: the credentials are not accepted, or do not allow this."""


class NotFound(ProviderError):
    """404: the provider knows no such job, machine or workspace."""


class RequestRefused(ProviderError):
    """Any other 4xx: asked again the same, it will be refused again. `status` is the answer's, 0 if none was asked."""

    status: int = 0


class MalformedAnswer(ProviderError):
    """The answer is not in the provider's published format; nothing was taken from it."""


class Transient(ProviderError):
    """Asked again later, it may succeed."""

    retry_after_seconds: float = 0.0


class TooManyRequests(Transient):
    """429: the provider wants to be asked less often; `retry_after_seconds` is what it said, or 60."""


class Unreachable(Transient):
    """5xx, 408, 425, a broken connection, or no answer in time. Whether a request was carried out is not known."""
