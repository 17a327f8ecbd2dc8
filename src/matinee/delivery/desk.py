"""The control plane's end of ``ports.ControlChannel``, whatever carries it: words in and out as JSON.

HTTP and NATS both ask ``answer``; what is refused is raised as an error of ``model.errors``. Sent and taken are the
values of ``model.plans`` as JSON; names that this version does not know are passed over.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from matinee.delivery.accounts import Accounting
from matinee.delivery.edges import Edges
from matinee.delivery.enrolment import Enrolment
from matinee.delivery.holdings import Holdings
from matinee.delivery.keys import Keys
from matinee.delivery.plans import Plans
from matinee.delivery.purges import Purges
from matinee.delivery.revocations import Revocations
from matinee.delivery.upstreams import sources_of
from matinee.model.errors import Forbidden, Invalid, NotFound
from matinee.model.plans import Account, EdgeOrders, EdgeReport, HoldingsUpdate

MOST_BYTES = 1024 * 1024
"""The longest body that is read: what NATS carries unless told otherwise."""

_encode = msgspec.json.Encoder().encode
_Word = TypeVar("_Word")


class Showing(msgspec.Struct):
    """What an edge enrols with."""

    token: str
    credential: str


class Asked(msgspec.Struct):
    """Which page of which plan."""

    generation: int
    page: int = 0


class Through(msgspec.Struct):
    """How far holdings or accounts were taken."""

    through: int


class Desk:
    """Everything an edge may ask. Threads share it."""

    def __init__(
        self,
        *,
        edges: Edges,
        enrolment: Enrolment,
        keys: Keys,
        revocations: Revocations,
        purges: Purges,
        plans: Plans,
        holdings: Holdings,
        accounting: Accounting,
    ) -> None:
        self._edges = edges
        self._enrolment = enrolment
        self._keys = keys
        self._revocations = revocations
        self._purges = purges
        self._plans = plans
        self._holdings = holdings
        self._accounting = accounting
        self._verbs: dict[str, Callable[[str, bytes], bytes]] = {
            "report": self._report,
            "keys": self._ring,
            "plan": self._page,
            "holdings": self._hold,
            "accounts": self._account,
        }

    def answer(self, edge_id: str, verb: str, credential: str, body: bytes) -> bytes:
        """The answer to an edge that shows its credential: JSON, but for ``plan`` (JSON, gzip).

        Forbidden unless the credential is the edge's; NotFound for an unknown verb; Invalid for a body that cannot be
        right. ``enrolment`` needs no credential but the one it shows.
        """
        if len(body) > MOST_BYTES:
            raise Invalid(f"Edge {edge_id!r:.80} sent {len(body)} bytes at once; {MOST_BYTES} is the most.")
        if verb == "enrolment":
            shown = _read(Showing, edge_id, body)
            self._enrolment.enrol(edge_id, shown.token, shown.credential)
            return b"{}"
        self._enrolment.check(edge_id, credential)
        do = self._verbs.get(verb)
        if do is None:
            raise NotFound(f"Edges cannot ask for {verb!r:.40}.")
        return do(edge_id, body)

    def orders(self, report: EdgeReport) -> EdgeOrders:
        """Keep a report, and say what its edge is to do; errors as ``Edges.report``."""
        orders = self._edges.report(report)
        return replace(
            orders,
            keys_version=self._keys.ring().version,
            sources=sources_of(report, self._edges.edges()),
            revocations=self._revocations.after(report.revocations_through),
            purges=self._purges.after(report.purges_through),
        )

    def _report(self, edge_id: str, body: bytes) -> bytes:
        return _encode(self.orders(_own(_read(EdgeReport, edge_id, body), edge_id)))

    def _ring(self, _edge_id: str, _body: bytes) -> bytes:
        return _encode(self._keys.ring().wire)

    def _page(self, edge_id: str, body: bytes) -> bytes:
        asked = _read(Asked, edge_id, body)
        return self._plans.page(edge_id, asked.generation, asked.page)

    def _hold(self, edge_id: str, body: bytes) -> bytes:
        return _encode(Through(self._holdings.hold(_own(_read(HoldingsUpdate, edge_id, body), edge_id))))

    def _account(self, edge_id: str, body: bytes) -> bytes:
        return _encode(Through(self._accounting.count(_own(_read(Account, edge_id, body), edge_id))))


def _read(kind: type[_Word], edge_id: str, body: bytes) -> _Word:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"What edge {edge_id!r:.80} sent is no {kind.__name__}: {error}.") from error


def _own(word: Any, edge_id: str) -> Any:
    """An edge speaks for itself alone."""
    if word.edge_id != edge_id:
        raise Forbidden(f"Edge {edge_id!r:.80} spoke of edge {word.edge_id!r:.80}.")
    return word
