from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.catalogue.lifecycle import (
    TRANSITIONS,
    Step,
    Title,
    TitleDraft,
    TitleKind,
    TitleState,
    check_parent,
    checked_draft,
)
from matinee.model.errors import Conflict, Invalid
from matinee.model.media import Presentation

TITLE = Title(
    id="0123456789abcdef",
    kind=TitleKind.FILM,
    name="Alder",
    synopsis="",
    year=None,
    genres=(),
    moods=(),
    maturity=0,
    state=TitleState.DRAFT,
    message=None,
    revision=None,
    presentation=None,
    parent_id=None,
    season_number=None,
    episode_number=None,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    published_at=None,
)


def test_every_state_knows_every_step_and_only_a_withdrawal_is_taken_back() -> None:
    known = {(state, step) for state in TRANSITIONS for step in TRANSITIONS[state]}
    impossible = set(product(TitleState, Step)) - known
    assert impossible == {(state, Step.RESTORE) for state in TitleState if state is not TitleState.WITHDRAWN}


@given(st.lists(st.sampled_from([step for step in Step if step is not Step.RESTORE])))
def test_what_is_withdrawn_stays_so_whatever_a_late_encode_says(steps: list[Step]) -> None:
    title = replace(TITLE, state=TitleState.WITHDRAWN)
    for step in steps:
        title = title.after(step)
    assert title.state is TitleState.WITHDRAWN


@given(st.lists(st.sampled_from([Step.ENCODE, Step.FAIL, Step.PUBLISH])))
def test_what_is_playable_stays_so_until_it_is_withdrawn(steps: list[Step]) -> None:
    title = replace(TITLE, state=TitleState.PLAYABLE)
    for step in steps:
        title = title.after(step)
    assert title.state is TitleState.PLAYABLE


def test_an_impossible_step_is_a_sentence_that_names_the_title() -> None:
    with pytest.raises(Conflict, match="Alder is draft"):
        TITLE.after(Step.RESTORE)


def test_a_draft_is_kept_in_one_spelling() -> None:
    draft = TitleDraft(name=" Alder\u200a", synopsis="One.\r\nTwo. ", genres=("Drama", " Drama", "Noir"), moods=())
    kept = checked_draft(draft)
    assert (kept.name, kept.synopsis, kept.genres) == ("Alder", "One.\nTwo.", ("Drama", "Noir"))


@pytest.mark.parametrize(
    "draft",
    [
        TitleDraft(name=""),
        TitleDraft(name="x" * 201),
        TitleDraft(name="a\nb"),
        TitleDraft(name="a", synopsis="\x00"),
        TitleDraft(name="a", year=1492),
        TitleDraft(name="a", maturity=19),
        TitleDraft(name="a", maturity=-1),
        TitleDraft(name="a", season_number=-1),
        TitleDraft(name="a", episode_number=10**12),
        TitleDraft(name="a", genres=("",)),
        TitleDraft(name="a", moods=tuple(map(str, range(21)))),
    ],
)
def test_a_wrong_draft_is_refused(draft: TitleDraft) -> None:
    with pytest.raises(Invalid):
        checked_draft(draft)


def test_episodes_belong_to_seasons_and_films_to_nothing() -> None:
    check_parent(TitleKind.EPISODE, TitleKind.SEASON)
    check_parent(TitleKind.SEASON, TitleKind.SERIES)
    with pytest.raises(Invalid, match="film cannot belong to a series"):
        check_parent(TitleKind.FILM, TitleKind.SERIES)


GROWING = Presentation(duration_seconds=60.0, renditions=(), files=(), colour="#102030", is_growing=True)
WHOLE = replace(GROWING, is_growing=False)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("there", [None, GROWING, WHOLE])
def test_a_growing_revision_is_shown_only_where_nothing_better_is(there: Presentation | None, known: bool) -> None:
    title = replace(TITLE, presentation=there)
    assert title.shows(GROWING, known=known) is (there is None or (there is GROWING and not known))
    assert title.shows(WHOLE, known=known) is not known


@pytest.mark.parametrize("state", TitleState)
def test_what_grew_and_failed_is_gone_and_what_is_whole_stays(state: TitleState) -> None:
    grew = replace(TITLE, state=state, revision="r0", presentation=GROWING, published_at=TITLE.created_at).failed(
        "Why."
    )
    assert (grew.revision, grew.presentation, grew.published_at, grew.message) == (None, None, None, "Why.")
    assert grew.state is (TitleState.WITHDRAWN if state is TitleState.WITHDRAWN else TitleState.FAILED)
    whole = replace(TITLE, state=state, revision="r1", presentation=WHOLE)
    assert whole.failed("Why.") == whole.after(Step.FAIL, message="Why.")
