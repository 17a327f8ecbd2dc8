from collections import deque

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from matinee.cache.eviction import S3Fifo

LIMIT = 1000
NAMES = st.integers(1, 40)


class Model:
    """S3-FIFO as its paper draws it: two queues and a list of names, oldest first."""

    def __init__(self) -> None:
        self.small: deque[int] = deque()
        self.main: deque[int] = deque()
        self.ghost: list[tuple[int, int]] = []
        self.sizes: dict[int, int] = {}
        self.uses: dict[int, int] = {}

    def used(self, queue: deque[int]) -> int:
        return sum(self.sizes[name] for name in queue)

    def add(self, name: int, size: int) -> None:
        ages: dict[int, int] = {}
        passed = 0
        for known, its_size in reversed(self.ghost):
            ages.setdefault(known, passed)
            passed += its_size
        self.sizes[name], self.uses[name] = size, 0
        known = ages.get(name, LIMIT) <= LIMIT - LIMIT // 10
        self.ghost = [entry if entry[0] != name else (0, entry[1]) for entry in self.ghost]
        (self.main if known else self.small).append(name)

    def evict(self) -> int | None:
        while self.small or self.main:
            if self.used(self.main) > LIMIT - LIMIT // 10 or not self.small:
                name = self.main.popleft()
                if not self.uses[name]:
                    return name
                self.uses[name] -= 1
                self.main.append(name)
            else:
                name = self.small.popleft()
                if self.uses[name] < 2:
                    self.ghost.append((name, self.sizes[name]))
                    return name
                self.uses[name] = 0
                self.main.append(name)
        return None

    def remove(self, name: int) -> None:
        for queue in (self.small, self.main):
            if name in queue:
                queue.remove(name)


class AgainstThePaper(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.order, self.model = S3Fifo(LIMIT), Model()
        self.numbers: dict[int, int] = {}

    @rule(name=NAMES, size=st.integers(1, 300))
    def ask(self, name: int, size: int) -> None:
        if name in self.numbers:
            uses = self.model.uses[name]
            first = self.order.touch(self.numbers[name])
            assert first == (uses == 0 and name in self.model.small)
            self.model.uses[name] = min(3, uses + 1)
            return
        while self.order.used_bytes + size > LIMIT:
            self.evict()
        self.numbers[name] = self.order.add(name, size)
        self.model.add(name, size)

    @precondition(lambda self: self.numbers)
    @rule()
    def evict(self) -> None:
        gone = self.order.evict()
        names = [name for name, number in self.numbers.items() if number == gone]
        assert names == [self.model.evict()]
        del self.numbers[names[0]]

    @rule(name=NAMES)
    def remove(self, name: int) -> None:
        if name in self.numbers:
            self.order.remove(self.numbers.pop(name))
            self.model.remove(name)

    @invariant()
    def sizes_add_up_and_the_limit_holds(self) -> None:
        held = sum(self.model.used(queue) for queue in (self.model.small, self.model.main))
        assert self.order.used_bytes == held <= LIMIT
        assert len(self.order) == len(self.numbers) == len(set(self.numbers.values()))


TestS3Fifo = AgainstThePaper.TestCase


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 300)), max_size=200))
def test_numbers_are_used_again_so_that_the_arrays_stay_as_small_as_the_cache_was_full(
    asked: list[tuple[int, int]],
) -> None:
    order, most = S3Fifo(LIMIT), 0
    for name, size in asked:
        while order.used_bytes + size > LIMIT:
            order.evict()
        number = order.add(name, size)
        most = max(most, len(order))
        assert number <= most


def test_what_was_restored_leaves_in_its_order_and_numbers_in_between_are_given_out() -> None:
    order = S3Fifo(LIMIT, taken_through=5)
    assert order.add(1, 10) == 6
    order.restore(4, 40, 10, main=False)
    order.restore(2, 20, 10, main=True)
    order.restore(4, 40, 10, main=False)
    order.restore(6, 1, 10, main=False)
    order.restored()
    assert {order.add(name, 10) for name in (7, 8, 9)} == {1, 3, 5}
    order.limit_bytes = 0
    assert [order.evict() for _ in range(6)][:2] == [2, 6]


def test_nobody_leaves_an_empty_cache() -> None:
    order = S3Fifo(LIMIT)
    assert order.evict() is None
    order.remove(order.add(1, 1))
    assert order.evict() is None
    order.remove(17)
    assert not order.touch(17)
