from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from matinee.edge.eviction import LeastRecentlyUsed

NAMES = st.sampled_from("abcdefgh")


class AgainstAList(RuleBasedStateMachine):
    """A list of (name, size), coldest first, says what is right."""

    def __init__(self) -> None:
        super().__init__()
        self.order = LeastRecentlyUsed()
        self.model: list[tuple[str, int]] = []

    @rule(name=NAMES, size=st.integers(0, 50))
    def add(self, name: str, size: int) -> None:
        self.order.add(name, size)
        self.model = [entry for entry in self.model if entry[0] != name] + [(name, size)]

    @rule(name=NAMES)
    def touch(self, name: str) -> None:
        self.order.touch(name)
        self.model.sort(key=lambda entry: entry[0] == name)

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        self.order.remove(name)
        self.model = [entry for entry in self.model if entry[0] != name]

    @rule(excess=st.integers(-10, 200))
    def victims(self, excess: int) -> None:
        chosen = self.order.victims(excess)
        assert chosen == [name for name, _ in self.model[: len(chosen)]]
        freed = [size for _, size in self.model[: len(chosen)]]
        if chosen:
            assert sum(freed[:-1]) < excess
        assert sum(freed) >= excess or len(chosen) == len(self.model)

    @invariant()
    def sizes_add_up(self) -> None:
        assert self.order.used_bytes == sum(size for _, size in self.model)
        assert len(self.order) == len(self.model)


TestLeastRecentlyUsed = AgainstAList.TestCase


@given(st.integers(-5, 0))
def test_nobody_leaves_while_there_is_room(excess: int) -> None:
    order = LeastRecentlyUsed()
    order.add("a", 1)
    assert order.victims(excess) == []
