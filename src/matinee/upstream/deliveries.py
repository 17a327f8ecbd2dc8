"""What a source of files hands over, and how long it is waited for: the words between sources and fills."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from matinee.model.errors import Unavailable
from matinee.model.plans import Origin


class NotHeld(Unavailable):
    """A source that only gives what it holds does not hold this. It has not failed."""


class Reach(Enum):
    """How far a fill goes for its bytes."""

    SITE = auto()
    """To peers alone, for what they hold."""
    AFAR = auto()
    """To peers, then parents, then the origin."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a source is waited for: until it answers, and then for each next ``least_bytes``.

    So a source that drips is left as one that stands still.
    """

    answer_seconds: float
    stall_seconds: float
    least_bytes: int = 16 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file as it comes in. ``size_bytes`` is that of the whole file, whatever byte the chunks begin at.

    ``tag``: what the source calls these bytes; shown to the same source when the rest is asked for.
    """

    size_bytes: int
    chunks: AsyncIterator[bytes]
    tag: str | None = None


class Upstream(Protocol):
    """A source of files. Both verbs: NotFound if there is no such file, NotHeld, Unavailable with the reason.

    Neither gives up by itself on a source that is silent: whoever asks has the ``patience``.
    """

    @property
    def name(self) -> str:
        """For logs: its kind, and which one."""
        ...

    @property
    def origin(self) -> Origin:
        """As what its bytes are counted."""
        ...

    @property
    def patience(self) -> Patience:
        """How long to wait for it."""
        ...

    def deliver(
        self, path: str, start: int, via: tuple[str, ...], tag: str | None
    ) -> AbstractAsyncContextManager[Delivery]:
        """The file from byte ``start`` on. ``via``: the edges that it is being asked through (RFC 8586).

        Unavailable too if the source has other bytes by now than those that it called ``tag``.
        """
        ...

    async def size_of(self, path: str) -> int:
        """The size of a file, in bytes, without fetching it."""
        ...
