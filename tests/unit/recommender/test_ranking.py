"""How well titles suit a profile."""

from matinee.recommender.candidates import Selection
from matinee.recommender.ranking import Context, rank
from plays import NOON, knowledge_of, play, rated, shelf, title

_TITLES = [title(f"film-{number}", ("Even", "Odd")[number % 2 :][:1]) for number in range(20)]


def test_people_of_two_groups_are_ranked_what_their_own_group_watches() -> None:
    """The checkerboard."""
    events = [
        one
        for person in range(12)
        for number in range(20)
        if number % 2 == person % 2 and (number * 7 + person) % 4
        for one in play(f"person-{person}", f"film-{number}", 60.0 * number)
    ]
    knowledge = knowledge_of(events)
    context = Context(knowledge, Selection(shelf(_TITLES), 18), "europe", NOON.timestamp())
    for person in range(12):
        history = knowledge.histories.of(f"person-{person}")
        scores = rank(history, [entry.id for entry in _TITLES], context)
        mine = [score for title_id, score in scores.items() if int(title_id[5:]) % 2 == person % 2]
        others = [score for title_id, score in scores.items() if int(title_id[5:]) % 2 != person % 2]
        assert min(mine) > max(others)


def test_what_is_like_a_thumb_down_sinks_below_what_is_unknown() -> None:
    knowledge = knowledge_of([rated("ada", "film-0", "down")])
    context = Context(knowledge, Selection(shelf(_TITLES), 18), "europe", NOON.timestamp())
    scores = rank(knowledge.histories.of("ada"), ["film-2", "film-3"], context)
    assert scores["film-2"] < 0 == scores["film-3"]


def test_of_nobody_knows_anything_what_is_watched_here_comes_first() -> None:
    knowledge = knowledge_of(play("bob", "film-5"))
    context = Context(knowledge, Selection(shelf(_TITLES), 18), "europe", NOON.timestamp())
    scores = rank(knowledge.histories.of("ada"), ["film-4", "film-5"], context)
    assert scores["film-5"] > scores["film-4"] == 0
    assert rank(knowledge.histories.of("ada"), [], context) == {}
