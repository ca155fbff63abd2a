"""One tree of errors that a user can cause. `core.api.problems` and the middleware of pages make answers of them."""

from __future__ import annotations


class ApplicationError(Exception):
    """A request that cannot be done. The message says what was expected, what came and what to do."""

    status = 400
    code = "invalid"

    def __init__(self, message: str, **extra: object) -> None:
        super().__init__(message)
        self.message, self.extra = message, extra


class Conflict(ApplicationError):
    """The state of the thing does not allow this now."""

    status = 409
    code = "conflict"


class Forbidden(ApplicationError):
    """Whatever the state, not for this person."""

    status = 403
    code = "forbidden"


class NotFound(ApplicationError):
    """There is no such thing, or none within the person's reach: which of the two is not told."""

    status = 404
    code = "not_found"


class Locked(ApplicationError):
    """The deployment is halted: nothing is served."""

    status = 423
    code = "halted"
