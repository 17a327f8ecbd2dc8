"""Rows of what a profile chose itself: what it goes on with, its list, what it would watch again."""

from itertools import islice

from matinee.recommender.page import ROW_LONGEST, Page, Row, RowKind
from matinee.taste.signs import LOVE, UP

_CONTINUE_LONGEST = 12
_AGAIN_LEAST = 3
_AGAIN_AFTER_SECONDS = 7 * 86_400.0
_RATED_FIRST = {LOVE: 0, UP: 1}


def continuing(page: Page) -> Row:
    """What is begun, latest first. Of a series the episode seen last, or the one after it once that is finished."""
    selection, found, series_seen = page.selection, dict[str, str](), set[str]()
    for title_id, play in page.latest:
        if len(found) == _CONTINUE_LONGEST:
            break
        series = selection.episodes.series(title_id)
        if series is not None:
            if series.id in series_seen:
                continue
            series_seen.add(series.id)
        if play.in_progress:
            following, why = title_id, ""
        elif series is not None and play.done and (after := selection.episodes.following(title_id)) is not None:
            following, why = after.id, f"Next: {selection.episodes.label(after.id)}"
        else:
            continue
        if following in selection.playable and following not in page.refused:
            found.setdefault(following, why)
    told = any(found.values())
    return Row(
        id="continue",
        kind=RowKind.CONTINUE_WATCHING,
        name="Continue watching",
        reason="where you stopped",
        title_ids=tuple(found),
        title_reasons=tuple(found.values()) if told else (),
    )


def my_list(page: Page) -> Row:
    """What the profile put on its list, newest first."""
    listed = page.history.signs.on_list() if page.history.signs else []
    standing = (title_id for title_id, _ in listed if title_id in page.selection.playable)
    title_ids = tuple(islice(standing, ROW_LONGEST))
    return Row(id="my-list", kind=RowKind.MY_LIST, name="My list", reason="what you put there", title_ids=title_ids)


def watch_again(page: Page) -> Row:
    """What was seen to its end at least a week ago, the best rated first, then the latest."""
    signs, now = page.history.signs, page.context.now
    seen = [
        (_RATED_FIRST.get((signs.rating(title_id) if signs else None) or "", 2), title_id)
        for title_id, play in page.latest
        if play.finished and not play.in_progress and play.last_at <= now - _AGAIN_AFTER_SECONDS
    ]
    ordered = (title_id for _, title_id in sorted(seen, key=lambda entry: entry[0]))
    title_ids = tuple(islice((one for one in page.browsable(ordered) if one in page.finished), ROW_LONGEST))
    return Row(
        id="watch-again",
        kind=RowKind.WATCH_AGAIN,
        name="Watch again",
        reason="seen to the end a while ago",
        title_ids=title_ids if len(title_ids) >= _AGAIN_LEAST else (),
    )
