"""One tree of errors; the first split is whose fault it is.

    MatineeError
    ├── CallerError          the caller can mend it
    │   ├── Invalid          what was sent is not right                       400
    │   ├── SignInRequired   nobody is signed in                              401
    │   ├── Forbidden        signed in, but without the right to it           403
    │   ├── NotFound         there is no such thing, or not for this caller   404
    │   ├── Conflict         the thing is in another state                    409
    │   └── LimitReached     too many or too much; try later                  429
    └── WorldError           the caller did nothing wrong
        ├── Unavailable      a part does not answer now                       503
        ├── EncodingFailed   a tool broke on a source we had accepted         500
        └── Refused          a source that cannot be right                    422

Messages are sentences that name the thing. ``api.problems`` maps the classes to the statuses above (RFC 9457).
"""


class MatineeError(Exception):
    """Anything Matinee itself says went wrong; ``str(error)`` is a sentence for people."""


class CallerError(MatineeError):
    """The caller can mend it."""


class Invalid(CallerError):
    """What was sent is not right."""


class SignInRequired(CallerError):
    """Nobody is signed in."""


class Forbidden(CallerError):
    """Signed in, but without the right to it."""


class NotFound(CallerError):
    """There is no such thing, or not for this caller."""


class Conflict(CallerError):
    """The thing is in another state than the call needs."""


class LimitReached(CallerError):
    """Too many or too much; later may do: after ``retry_after_seconds``, where that is known."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class WorldError(MatineeError):
    """The caller did nothing wrong."""


class Unavailable(WorldError):
    """A part does not answer now."""


class EncodingFailed(WorldError):
    """A tool broke on a source that had been accepted."""


class Refused(WorldError):
    """A source that cannot be right: the sentence says what is wrong with it."""


def bare_reason(error: Exception) -> str:
    """What an object store's library met at last, as part of a sentence: without addresses, paths and bodies."""
    first = str(error).strip().partition("\n")[0]
    met = first.rpartition(" - ")[2].partition(": <")[0].rstrip(".: ")
    return "it met an error" if "/" in met or not met else met
