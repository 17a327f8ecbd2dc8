"""The network of edges on a database: for ``serve``, for a worker's schedule, and for the verbs of the command line."""

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from matinee.adapters.clock_system import SystemClock
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import check_schema, open_database
from matinee.delivery.edges import Edges
from matinee.delivery.network import Network
from matinee.delivery.planner import Offer, offer_of
from matinee.delivery.plans import Planner
from matinee.model.errors import Invalid
from matinee.model.plans import FillWindow
from matinee.playback.plays import RecentPlays
from matinee.settings import Settings

_OFFERS_KEPT = 5_000
_HOURS = 24.0


def open_network(settings: Settings, engine: sa.Engine) -> Network:
    """Invalid if keys or hours cannot be read."""
    return Network.open(
        engine=engine,
        clock=SystemClock(),
        random_bytes=secrets.token_bytes,
        token_seconds=settings.token_seconds,
        initial_keys=settings.token_keys,
        window=fill_window(settings),
    )


def fill_window(settings: Settings) -> FillWindow:
    """When edges fill ahead, and how fast; Invalid if the hours are not FROM-TO."""
    opens, dash, closes = settings.fill_hours.partition("-")
    limit_bps = settings.fill_bps or None
    if not settings.fill_hours:
        return FillWindow(limit_bps=limit_bps)
    try:
        window = FillWindow(float(opens), float(closes), limit_bps)
    except ValueError as error:
        raise Invalid(f"MATINEE_FILL_HOURS={settings.fill_hours!r} is not FROM-TO, as 1-6.5.") from error
    if not dash or not (0 <= window.opens_hour <= _HOURS and 0 <= window.closes_hour <= _HOURS):
        raise Invalid(f"MATINEE_FILL_HOURS={settings.fill_hours!r} is not FROM-TO within 0 and 24.")
    return window


def open_planner(network: Network, edges: Edges, catalogue: Catalogue, engine: sa.Engine) -> Planner:
    """Plans from the catalogue's files and the playbacks of the last week."""
    plays = RecentPlays(engine, SystemClock())
    return Planner(plans=network.plans, edges=edges, offers=_offers(catalogue), plays=plays.counted)


def _offers(catalogue: Catalogue) -> Callable[[Collection[str]], Sequence[Offer]]:
    # A revision's files never change.
    @lru_cache(maxsize=_OFFERS_KEPT)
    def offered(title_id: str, revision: str) -> Offer | None:
        title = catalogue.title(title_id)
        if title.presentation is None or title.revision != revision:
            return None
        return offer_of(title_id, revision, title.presentation)

    def offers(title_ids: Collection[str]) -> Sequence[Offer]:
        shelf = catalogue.shelf()
        playable = [shelf.by_id[title_id] for title_id in sorted(title_ids) if title_id in shelf.by_id]
        found = [offered(title.id, title.revision) for title in playable if title.revision]
        return [offer for offer in found if offer is not None]

    return offers


@contextmanager
def _opened(settings: Settings) -> Iterator[Network]:
    engine = open_database(settings.database_url)
    try:
        check_schema(engine)
        yield open_network(settings, engine)
    finally:
        engine.dispose()


def make_join_token(settings: Settings, edge_id: str) -> dict[str, Any]:
    """``{edge_id, token, expires_at}``: a token an edge may join with within an hour."""
    with _opened(settings) as network:
        made = network.enrolment.make_token(edge_id)
    return {"edge_id": made.edge_id, "token": made.token, "expires_at": made.expires_at.isoformat()}


def rotate_keys(settings: Settings) -> dict[str, Any]:
    """``{key_id}``: the new key, which signs once edges had time to hear of it."""
    with _opened(settings) as network:
        network.keys.ring()
        return {"key_id": network.keys.rotate()}


def revoke_edge(settings: Settings, edge_id: str) -> dict[str, Any]:
    """Take an edge's word no longer, and replace the keys it knows: ``{edge_id, key_id}``."""
    with _opened(settings) as network:
        network.enrolment.revoke(edge_id)
        network.keys.ring()
        return {"edge_id": edge_id, "key_id": network.keys.rotate()}
