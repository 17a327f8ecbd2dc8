"""A member with 100,000 plays has a page like everybody's, and does not drown what others watch."""

from datetime import timedelta

from matinee.recommender.candidates import Selection
from matinee.recommender.rows import arrange
from matinee.taste.knowledge import Knowledge
from plays import NOON, heartbeat, shelf, title

TITLES, USUAL, PLAYS, KEPT = 600, 400, 100_000, 500
COMPANIONS_KEPT = 256
PLACE = 7919  # a prime: the plays go through all titles, in no order of theirs


def test_who_played_a_hundred_thousand_times_has_a_page_and_a_history_of_bounded_size() -> None:
    knowledge, now = Knowledge(), NOON + timedelta(days=40)
    selection = Selection(shelf(title(f"title-{number}") for number in range(TITLES)), 18)
    for number in range(PLAYS):
        # Mostly the same 400 titles, which are kept. Now and then one of all.
        place = number // 100 * PLACE % TITLES if number % 100 == 0 else number * PLACE % USUAL
        told = heartbeat("avid", f"title-{place}", seconds=number * 30.0)
        knowledge.learn(told, now)
    for person in range(3):
        for title_id in ("title-1", "title-2"):
            knowledge.learn(heartbeat(f"person-{person}", title_id, seconds=PLAYS * 30.0 + person), now)
    history = knowledge.histories.of("avid")
    assert len(history.plays) == KEPT
    rows = arrange(knowledge, selection, "avid", "europe", now)
    assert all(len(set(row.title_ids)) == len(row.title_ids) for row in rows)
    latest = history.latest()[0][0]
    assert f"because:{latest}" in {row.id for row in rows}
    _, together = knowledge.transitions.counts()
    assert max(map(len, together.values())) <= COMPANIONS_KEPT
    assert knowledge.transitions.together("title-1", ["title-2"])[0] >= 3
    stranger = arrange(knowledge, selection, "person-0", "europe", now)
    assert "because:title-2" in {row.id for row in stranger}
