"""Rows of what everybody watches: the region's ten, what is rising, what is new, and what few know and most liked."""

from itertools import islice
from typing import Any

from matinee.model.topology import ANYWHERE
from matinee.recommender.page import LARGE_CATALOGUE, ROW_LONGEST, Page, Row, RowKind
from matinee.taste.knowledge import USUAL_HALF_LIFE_SECONDS
from matinee.taste.popularity import HALF_LIFE_SECONDS

POPULAR_LONGEST = 10
_STILL_POPULAR_PLAYS = 0.01
# So many of the most watched may be rising. One that is not among them is not watched enough to tell.
_RISING_DEPTH = 150
_RISING_PLAYS = 2.0
_RISING_TIMES = 1.5
_CALM_PLAYS_A_DAY = 1.0
_TRENDING_LONGEST = 12
_TRENDING_LEAST = 3
_DAY_SECONDS = 86_400.0
_LN2 = 0.6931
_GEMS_DEPTH = 300
_GEM_PEOPLE = 3
_GEM_SHARE = 0.3
_GEMS_LONGEST = 12
_GEMS_LEAST = 3
# Beyond so many of the most watched, and beyond this part of all that is watched, few know a title.
_KNOWN_TITLES = 20
_KNOWN_PART = 0.2


def popular(page: Page) -> Row:
    """What is watched in the region, then anywhere, then what is new. The order of a board does not need the time.

    Ten of the region's own are its top ten.
    """
    boards, region, now = page.knowledge.popularity, page.context.region, page.context.now
    here = boards.region(region)
    local = [
        title_id
        for title_id in islice(page.browsable(here.ranked()), POPULAR_LONGEST)
        if _plays(page, title_id, now) >= _STILL_POPULAR_PLAYS and region != ANYWHERE.name
    ]
    everywhere = islice(page.browsable(boards.overall.ranked()), 2 * POPULAR_LONGEST)
    place = f"{region[:1].upper()}{region[1:]}"
    reasons = dict.fromkeys(local, f"popular in {place}")
    for title_id in everywhere:
        reasons.setdefault(title_id, "popular everywhere")
    for title_id in page.browsable(page.selection.newest[: 2 * POPULAR_LONGEST + len(page.refused)]):
        reasons.setdefault(title_id, "new")
    title_ids = tuple(reasons)[:POPULAR_LONGEST]
    page.shown.update(title_ids)
    if local:
        reason = f"most watched in {place}" + (", then everywhere" if len(local) < len(title_ids) else "")
    elif title_ids and reasons[title_ids[0]] != "new":
        reason = "most watched everywhere"
    else:
        reason = "the newest, while nothing has been watched"
    name = f"Top ten in {place}" if len(local) == POPULAR_LONGEST else "Popular now"
    title_reasons = tuple(reasons[title_id] for title_id in title_ids)
    return Row("popular", RowKind.POPULAR, name, reason, title_ids, title_reasons=title_reasons)


def _plays(page: Page, title_id: str, now: float) -> float:
    """How much is watched here now of a title, or of the episodes of the series that it stands for."""
    board = page.knowledge.popularity.region(page.context.region)
    series = page.selection.episodes.series(title_id)
    episodes = () if series is None else page.selection.episodes.of(series.id)
    return max([board.plays(title_id, now), *(board.plays(one.id, now) for one in episodes)])


def trending(page: Page) -> Row:
    """What is watched more than it used to be, in the region or, where that tells too little, anywhere.

    Plays a day of the short half-life against those of the long one: steady plays give 1, whatever their level.
    """
    region: str | None = page.context.region
    title_ids, times = _rising(page, region)
    if len(title_ids) < _TRENDING_LEAST:
        region = None
        title_ids, times = _rising(page, region)
    if len(title_ids) < _TRENDING_LEAST:
        title_ids = ()
    page.shown.update(title_ids)
    where = "" if region is None or region == ANYWHERE.name else f" in {region[:1].upper()}{region[1:]}"
    reasons = tuple(f"{times[one]:.1f} times its usual plays" if one in times else "rising" for one in title_ids)
    return Row(
        "trending", RowKind.TRENDING, "Trending", f"rising{where}, whatever its level", title_ids, title_reasons=reasons
    )


def _rising(page: Page, region: str | None) -> tuple[tuple[str, ...], dict[str, float]]:
    """What rises in a region (None: anywhere) and is not shown yet; and how many times its usual plays it has."""
    boards, now = page.knowledge, page.context.now
    short = boards.popularity.overall if region is None else boards.popularity.region(region)
    long = boards.usual.overall if region is None else boards.usual.region(region)
    among = list(islice(short.ranked(), _RISING_DEPTH))
    lately = short.plays_of(among, now)
    told = zip(among, lately.tolist(), rising(lately, long.plays_of(among, now)).tolist(), strict=True)
    times = {title_id: many for title_id, plays, many in told if plays >= _RISING_PLAYS}
    found = [one for _, one in sorted((-many, one) for one, many in times.items() if many >= _RISING_TIMES)]
    return tuple(page.unshown(tuple(page.browsable(found)), first=True)[:_TRENDING_LONGEST]), times


def rising(lately: Any, usually: Any) -> Any:
    """How many times their usual plays titles have, of their plays faded by the short and by the long half-life.

    A play a day on top of both keeps a first few plays from being the steepest rise of all.
    """
    short = lately * _LN2 * _DAY_SECONDS / HALF_LIFE_SECONDS
    long = usually * _LN2 * _DAY_SECONDS / USUAL_HALF_LIFE_SECONDS
    return (short + _CALM_PLAYS_A_DAY) / (long + _CALM_PLAYS_A_DAY)


def new(page: Page) -> Row:
    """What was added last."""
    longest = ROW_LONGEST + len(page.shown) + len(page.refused)
    title_ids = tuple(page.unshown(page.selection.newest[:longest], first=True)[:ROW_LONGEST])
    return Row(id="new", kind=RowKind.NEW, name="New", reason="added last", title_ids=title_ids)


def hidden_gems(page: Page) -> Row:
    """What most of its few watchers liked, and little known: not among the most watched."""
    board, approval = page.knowledge.popularity.overall, page.knowledge.approval
    known = max(_KNOWN_TITLES, int(_KNOWN_PART * len(board.ranked())))
    among = board.first(known)
    liked = (
        title_id
        for share, title_id in islice(approval.ranked(), _GEMS_DEPTH)
        if -share >= _GEM_SHARE and approval.of(title_id)[0] >= _GEM_PEOPLE and not among(title_id)
    )
    unseen = (title_id for title_id in page.browsable(liked) if title_id not in page.watched)
    title_ids = tuple(page.unshown(tuple(islice(unseen, 3 * _GEMS_LONGEST)))[:_GEMS_LONGEST])
    enough = len(title_ids) >= _GEMS_LEAST and len(page.selection.titles) >= LARGE_CATALOGUE
    counts = (approval.of(title_id) for title_id in title_ids)
    return Row(
        id="hidden-gems",
        kind=RowKind.HIDDEN_GEMS,
        name="Hidden gems",
        reason="liked by most of the few who watched",
        title_ids=title_ids if enough else (),
        title_reasons=tuple(f"liked by {pleased} of {people} who watched it" for people, pleased in counts)
        if enough
        else (),
    )
