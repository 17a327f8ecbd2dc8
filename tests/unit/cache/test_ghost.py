import random

from hypothesis import given
from hypothesis import strategies as st

from matinee.cache.ghost import Ghost


@given(
    st.integers(0, 300),
    st.lists(st.tuples(st.booleans(), st.integers(0, 2**32 - 1) | st.integers(0, 30), st.integers(0, 50)), max_size=80),
)
def test_a_name_is_remembered_until_so_many_bytes_of_others_have_come(
    window: int, steps: list[tuple[bool, int, int]]
) -> None:
    ghost, came, passed = Ghost(window), {}, 0
    for add, name, size in steps:
        if add:
            passed += size
            ghost.add(name, size)
            came[name] = passed
        else:
            age = passed - came.pop(name) if name in came else None
            assert ghost.take(name) == (None if age is None or age > window else age)


def test_the_table_grows_with_what_it_is_to_remember_and_forgets_hardly_anything_early() -> None:
    names = random.Random(5).sample(range(2**32), 50_000)
    ghost = Ghost(len(names))
    for name in names:
        ghost.add(name, 1)
    assert sum(ghost.take(name) is not None for name in names) > 0.95 * len(names)
    assert ghost._buckets * 8 < 8 * len(names)
