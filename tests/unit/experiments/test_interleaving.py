"""Team drafts are fair to both rankings, and picks say which one viewers prefer."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.experiments.interleaving import Team, preference, team_draft

TITLES = [f"t{number}" for number in range(12)]
rankings = st.permutations(TITLES).map(lambda order: order[:8])


@given(rankings, rankings, st.integers(0, 12), st.integers(0, 2**32))
def test_a_draft_takes_each_teams_best_in_turn(one: list[str], other: list[str], length: int, seed: int) -> None:
    draft = team_draft(one, other, length, Random(seed))
    assert len(set(draft.titles)) == len(draft.titles) == min(length, len({*one, *other}))
    seen: set[str] = set()
    for title, team in zip(draft.titles, draft.teams, strict=True):
        ranking = one if team is Team.CURRENT else other
        assert title == next(best for best in ranking if best not in seen)
        seen.add(title)
    # While both have titles left neither team is ever two ahead.
    for place in range(min(length, 8)):
        teams = draft.teams[: place + 1]
        assert abs(teams.count(Team.CURRENT) - teams.count(Team.CANDIDATE)) <= 1


def test_the_same_ranking_twice_wins_nothing() -> None:
    random = Random(1)
    credits_ = []
    for _ in range(2000):
        draft = team_draft(TITLES, TITLES, 6, random)
        # Viewers pick from the top, whoever put it there.
        credits_.append(draft.credit({draft.titles[min(5, int(random.expovariate(0.7)))]}))
    found = preference(credits_)
    assert found.low <= 0 <= found.high
    assert found.wins + found.losses == found.lists == 2000


def test_the_better_ranking_wins_and_few_lists_say_so() -> None:
    random = Random(2)
    liked = set(TITLES[:4])
    better, worse = TITLES, TITLES[::-1]
    for candidate, current, sign in ((better, worse, 1), (worse, better, -1)):
        credits_ = []
        for _ in range(200):
            draft = team_draft(current, candidate, 6, random)
            picked = {title for title in draft.titles if random.random() < (0.5 if title in liked else 0.05)}
            credits_.append(draft.credit(picked))
        found = preference(credits_)
        assert sign * found.estimate > 0
        assert found.low > 0 if sign > 0 else found.high < 0


def test_lists_without_picks_say_nothing() -> None:
    assert team_draft(TITLES, TITLES, 4, Random(3)).credit(()) == 0
    nothing = preference([])
    assert (nothing.low, nothing.high) == (-0.5, 0.5)
    assert preference([0.0, 0.0]).estimate == pytest.approx(0)
