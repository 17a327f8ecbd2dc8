"""The network of edges on a database: for ``serve``, for a worker's schedule, and for the verbs of the command line."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from matinee.adapters.clock_system import SystemClock
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import check_schema, open_database
from matinee.delivery.edges import Edges
from matinee.delivery.network import Network
from matinee.delivery.plans import Planner
from matinee.model.windows import read_window
from matinee.playback.plays import RecentPlays, offers_of
from matinee.settings import Settings


def open_network(settings: Settings, engine: sa.Engine) -> Network:
    """Invalid if keys or hours cannot be read."""
    return Network.open(
        engine=engine,
        clock=SystemClock(),
        random_bytes=secrets.token_bytes,
        token_seconds=settings.token_seconds,
        initial_keys=settings.token_keys,
        window=read_window(settings.fill_hours, settings.fill_bps),
    )


def open_planner(network: Network, edges: Edges, catalogue: Catalogue, engine: sa.Engine) -> Planner:
    """Plans from the catalogue's files, what the recommender expects, and the playbacks of the last week."""
    plays = RecentPlays(engine, SystemClock())
    return Planner(
        plans=network.plans,
        edges=edges,
        offers=offers_of(catalogue),
        plays=plays.counted,
        demand=network.demand.expected,
    )


@contextmanager
def known_network(settings: Settings) -> Iterator[Network]:
    """The network for one act of an operator at the command line; the database is let go after it."""
    engine = open_database(settings.database_url)
    try:
        check_schema(engine)
        yield open_network(settings, engine)
    finally:
        engine.dispose()
