import numpy as np

from histories_known import checkerboard
from matinee.learning.histories import Histories, histories_of
from matinee.learning.protocols import groups_held_out, leave_last, strong_generalisation, walked


def lists_of(histories: Histories) -> list[list[int]]:
    return [histories.items[a:b].tolist() for a, b in zip(histories.starts[:-1], histories.starts[1:], strict=True)]


def test_the_last_item_is_asked_for_with_all_before_it() -> None:
    split = leave_last(histories_of([[1, 2, 3], [4], [5, 6]], 9))
    assert lists_of(split.learn) == [[1, 2], [], [5]]
    assert lists_of(split.queries.histories) == [[1, 2], [5]]
    assert lists_of(split.targets) == [[3], [6]]


def test_validation_sees_nothing_of_the_test() -> None:
    split = leave_last(histories_of([[1, 2, 3], [4], [5, 6]], 9), back=1)
    assert lists_of(split.learn) == [[1], [], []]
    assert lists_of(split.queries.histories) == [[1]]
    assert lists_of(split.targets) == [[2]]
    # Untimed histories count from their end: a question comes one step after what is known.
    assert split.queries.times[0] - split.queries.histories.times[-1] == 1


def test_other_test_items_choose_nothing() -> None:
    one, other = (leave_last(histories_of([[1, 2, 3, last], [4, 5, last]], 9), back=1) for last in (7, 8))
    assert lists_of(one.learn) == lists_of(other.learn)
    assert lists_of(one.targets) == lists_of(other.targets) == [[3], [5]]


def test_held_out_users_are_learned_from_by_nobody() -> None:
    board = checkerboard(users=100, items=40, watched=15)
    strong = strong_generalisation(board, seed=5)
    assert strong.test.learn.n_users == 80
    assert strong.validation[0].learn.n_users == 80
    assert strong.others.n_users == 90
    for split in (*strong.validation, strong.test):
        assert len(split.queries) == 10
        assert (split.targets.lengths == 3).all()
        for folded, asked in zip(lists_of(split.queries.histories), lists_of(split.targets), strict=True):
            assert not set(folded) & set(asked)
            assert len(folded) == 12
    again = strong_generalisation(board, seed=5)
    assert lists_of(again.test.targets) == lists_of(strong.test.targets)
    assert lists_of(strong_generalisation(board, seed=6).test.targets) != lists_of(strong.test.targets)


def test_few_users_are_asked_more_tenths_and_none_of_the_test() -> None:
    random = np.random.default_rng(1)
    # Each user has an item that nobody else has: who is asked or learned from is known by it.
    users = histories_of([[*random.permutation(20)[:14].tolist(), 20 + user] for user in range(100)], 120)
    strong = strong_generalisation(users, seed=5)
    assert len(strong.validation) == 5
    mine = {item for item in strong.others.items.tolist() if item >= 20}
    assert len(mine) == 90
    for split in strong.validation:
        assert {item for item in split.learn.items.tolist() if item >= 20} <= mine
    many = strong_generalisation(checkerboard(users=3_000), seed=5)
    assert len(many.validation) == 1


def test_users_with_too_little_are_left_out_of_strong() -> None:
    strong = strong_generalisation(histories_of([[0, 1, 2, 3]] * 50 + [[0, 1, 2, 3, 4]] * 50, 5), seed=1)
    assert strong.test.learn.n_users == 40


def test_groups_held_out_are_disjoint() -> None:
    splits = groups_held_out(checkerboard(users=50), groups=3, share=0.2, seed=1)
    assert [split.learn.n_users for split in splits] == [40, 40, 40]
    assert [len(split.queries) for split in splits] == [10, 10, 10]
    assert all(np.isin(split.targets.lengths, [2]).all() for split in splits)


def test_lessons_of_one_fit_ask_ever_earlier_with_all_before() -> None:
    newer, older = walked(histories_of([[1, 2, 3, 4, 5], [6, 7], [8, 0, 1]], 9), back=1, places=2)
    assert newer.learn is older.learn
    assert lists_of(newer.learn) == [[1, 2], [], []]
    assert lists_of(newer.queries.histories) == [[1, 2, 3], [8]]
    assert lists_of(newer.targets) == [[4], [0]]
    assert lists_of(older.queries.histories) == [[1, 2]]
    assert lists_of(older.targets) == [[3]]
    # Without times each question comes right after what was learned, as the test's do.
    assert newer.queries.times[0] == older.queries.times[0] == newer.learn.times[1] + 1
