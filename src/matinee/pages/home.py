"""The home page of a profile: one hero, then rows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING

from matinee.accounts.members import Profile
from matinee.catalogue.titles import Shelf
from matinee.exploration.exploring import EXPLORING, Explored
from matinee.exploration.parameters import Parameters
from matinee.model.devices import device_kind
from matinee.model.topology import Region
from matinee.pages.cards import Card, Progress, Said, card, cards
from matinee.recommender.serving import Row, RowKind
from matinee.replay.shown import Asked, ShownPage, titles_of

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A row of cards; ``reason`` says why it is there."""

    id: str
    kind: RowKind
    name: str
    reason: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class HomePage:
    """Everything on the home page. ``hero`` opens it and says why; there is none while there is nothing to watch.

    ``picks`` are what a profile of which nothing is known is asked to choose three of.
    """

    profile_id: str
    hero: Card | None
    rows: tuple[HomeRow, ...]
    generated_at: datetime
    picks: tuple[Card, ...] = ()


def home_page(rooms: "Rooms", profile: Profile, region: Region, agent: str = "") -> HomePage:
    """The page as it is with every event that was accepted until now; ``agent`` is what the browser calls itself."""
    rooms.recommender.catch_up()
    now, shelf = rooms.clock.now(), rooms.catalogue.shelf()
    asked = (profile.id, shelf, region.name, profile.maturity_limit, now, rooms.topology.territory(region))
    parameters = Parameters.read(rooms.experiments.parameters(profile.id))
    device = device_kind(agent) or ""
    made, picks = rooms.recommender.made(*asked, parameters, device), rooms.recommender.choices(*asked)
    rows = made.rows
    rooms.journal.keep(
        ShownPage(
            Asked(profile.id, now, region.name, asked[-1], profile.maturity_limit, parameters, device),
            position=made.position,
            early=made.early,
            ranker=made.ranker,
            change=shelf.change,
            rows=titles_of(rows),
        )
    )
    progress = rooms.recommender.progress(profile.id)
    shown = [title_id for row in rows for title_id in row.title_ids]
    pictures = rooms.recommender.pictures(profile.id, shelf, [*shown, *picks])
    said = Said(shelf, *rooms.recommender.said(profile.id), pictures)
    return HomePage(
        profile_id=profile.id,
        hero=_hero(rows, shelf, progress, said),
        rows=tuple(_home_row(row, shelf, progress, said) for row in rows),
        generated_at=now,
        picks=cards((shelf.by_id[title_id] for title_id in picks), progress, said),
    )


def _hero(rows: Iterable[Row], shelf: Shelf, progress: Progress, said: Said) -> Card | None:
    """What to open with: popular, or else new, and if possible never begun; the begun stand in their own row below."""
    openers = [
        (title_id, reason)
        for row in rows
        if row.kind in {RowKind.POPULAR, RowKind.NEW}
        for title_id, reason in zip(row.title_ids, row.title_reasons or repeat("new"), strict=False)
    ]
    if not openers:
        return None
    title_id, reason = next((opener for opener in openers if opener[0] not in progress), openers[0])
    return card(shelf.by_id[title_id], progress, reason[:1].upper() + reason[1:], said)


def _home_row(row: Row, shelf: Shelf, progress: Progress, said: Said) -> HomeRow:
    reasons = row.title_reasons or ("",) * len(row.title_ids)
    titles = zip(row.title_ids, reasons, strict=True)
    shown = (card(shelf.by_id[title_id], progress, reason, said) for title_id, reason in titles)
    return HomeRow(
        id=row.id,
        kind=row.kind,
        name=row.name,
        reason=row.reason,
        cards=tuple(_by_chance(one, row.explored) for one in shown),
    )


def _by_chance(shown: Card, explored: Explored | None) -> Card:
    if explored is None or shown.title_id != explored.title_id:
        return shown
    return replace(shown, experiment=EXPLORING, propensity=explored.propensity)
