"""What is told of holdings, replayed by a receiver that takes each word literally."""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from matinee.cache import holdings
from matinee.cache.cache import Cache
from matinee.model.plans import HoldingsUpdate
from shelves import BLOCK, Hands, keep, plan, planned, settle

NAMES = st.integers(0, 9)


class Receiver:
    """A control plane: it keeps plans by their generation, and of each edge's process the set it was told of."""

    def __init__(self) -> None:
        self.plans: dict[int, set[str]] = {0: set()}
        self.started = -1.0
        self.sequence = -1
        self.generation = 0
        self.held: set[str] = set()
        self.complete = False

    def hold(self, update: HoldingsUpdate) -> int:
        if update.started != self.started:
            if not update.begins:
                return -1
            self.started, self.sequence, self.complete = update.started, -1, True
        if update.sequence <= self.sequence:
            return self.sequence
        if update.begins:
            assert update.generation is not None
            self.generation, self.held = update.generation, set(self.plans[update.generation])
        elif update.sequence != self.sequence + 1:
            return -1
        assert not update.missing or update.generation is not None
        assert set(update.missing) <= self.held & self.plans[self.generation]
        self.held -= set(update.missing)
        added = {path for path, _ in update.added}
        assert not added & self.held
        assert set(update.removed) <= self.held
        self.held = (self.held | added) - set(update.removed)
        self.sequence, self.complete = update.sequence, not update.more
        return self.sequence


class Told(RuleBasedStateMachine):
    """Files come and go, plans change, acknowledgements are lost or late, the edge and the receiver are restarted."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="matinee-")
        self.receiver, self.generation, self.started = Receiver(), 0, 0.0
        self.old_answer = -1
        self.hands = Hands()
        self.cache = self._start()

    def _start(self) -> Cache:
        self.started += 1
        cache = Cache(
            Path(self.folder.name),
            6 * BLOCK,
            edge_id="e",
            started=self.started,
            in_background=False,
            steady=self.hands,
        )
        cache.open()
        return cache

    def teardown(self) -> None:
        self.cache.close()
        self.folder.cleanup()

    @rule(name=NAMES)
    def ask(self, name: int) -> None:
        self.hands.now += 2
        if self.cache.find(f"t/r/{name}") is None:
            keep(self.cache, f"t/r/{name}")

    @rule(name=NAMES)
    def purge(self, name: int) -> None:
        self.cache.purge(f"t/r/{name}")

    @rule(names=st.sets(NAMES, max_size=5))
    def plan(self, names: set[int]) -> None:
        self.generation += 1
        self.receiver.plans[self.generation] = {f"t/r/{name}" for name in names}
        plan(self.cache, self.generation, *(planned(f"t/r/{name}") for name in names))

    @rule(times=st.integers(1, 4))
    def work(self, times: int) -> None:
        for _ in range(times):
            self.cache.upkeep.step()

    @rule(lost=st.sampled_from(["", "", "", "the update", "its answer"]), times=st.integers(1, 5))
    def tell(self, lost: str, times: int) -> None:
        for _ in range(times):
            update = self.cache.next_update()
            if update is None or lost == "the update":
                return
            answer = self.receiver.hold(update)
            self.old_answer = answer
            if lost != "its answer":
                self._hear(answer)

    def _hear(self, answer: int) -> None:
        if answer < 0:
            self.cache.begin_anew()
        else:
            self.cache.told(answer)

    @rule()
    def hear_late(self) -> None:
        if self.receiver.started == self.started and self.old_answer >= 0:
            self.cache.told(min(self.old_answer, self.receiver.sequence))

    @rule()
    def restart(self) -> None:
        self.cache.close()
        self.cache = self._start()
        self.old_answer = -1

    @rule()
    def receiver_forgets(self) -> None:
        self.receiver.started, self.receiver.sequence, self.old_answer = -1.0, -1, -1

    @invariant()
    def once_all_is_told_the_receiver_knows_exactly_what_is_held(self) -> None:
        if self.receiver.started != self.started or self.cache._holdings.preparing:
            return
        if self.cache.next_update() is None and self.receiver.complete:
            assert self.receiver.held == self._held()

    @rule()
    def tell_all(self) -> None:
        settle(self.cache)
        for _ in range(100):
            update = self.cache.next_update()
            if update is None and self.receiver.started == self.started:
                break
            if update is None:
                self.cache.begin_anew()
            else:
                self._hear(self.receiver.hold(update))
            settle(self.cache)
        assert self.receiver.complete
        assert self.receiver.held == self._held()

    def _held(self) -> set[str]:
        return {f"t/r/{name}" for name in range(10) if self.cache._recall(f"t/r/{name}")}


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdings, "PAGE_ENTRIES", 2)
    monkeypatch.setattr(holdings, "_SLICE_FILES", 1)
    monkeypatch.setattr(holdings, "_MOST_CHANGES", 4)


TestTold = Told.TestCase
TestTold.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_walk_through_all_of_that_ends_with_the_same_set_on_both_sides(seed: int) -> None:
    chance, told = random.Random(seed), Told()
    moves: list[Callable[[], object]] = [
        *(lambda: told.ask(name=chance.randrange(10)),) * 5,
        *(lambda: told.work(times=chance.randint(1, 4)),) * 3,
        *(lambda: told.tell(lost=chance.choice(["", "", "the update", "its answer"]), times=chance.randint(1, 5)),) * 3,
        lambda: told.purge(name=chance.randrange(10)),
        lambda: told.plan(names=set(chance.sample(range(10), chance.randrange(5)))),
        told.hear_late,
        told.restart,
        told.receiver_forgets,
        told.tell_all,
    ]
    for _ in range(200):
        chance.choice(moves)()
        told.once_all_is_told_the_receiver_knows_exactly_what_is_held()
    told.tell_all()
    told.teardown()


def test_whoever_asks_for_the_whole_while_it_is_still_being_listed_does_not_keep_it_from_being_told(
    tmp_path: Path,
) -> None:
    cache = Cache(tmp_path, 40 * BLOCK, edge_id="e", started=5.0, in_background=False, steady=Hands())
    cache.open()
    for name in range(12):
        keep(cache, f"t/r/{name}")
    update = None
    for _ in range(100):
        cache.begin_anew()
        cache.upkeep.step()
        if (update := cache.next_update()) is not None:
            break
    assert update is not None
    assert (update.begins, update.more, len(update.added)) == (True, True, 2)
    cache.begin_anew()
    settle(cache)
    again = cache.next_update()
    assert again is not None
    assert (again.begins, again.added, again.sequence) == (True, update.added, update.sequence + 2)
    cache.close()


def test_an_update_is_told_again_the_same_until_it_is_acknowledged(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10 * BLOCK, edge_id="e", started=5.0, in_background=False, steady=Hands())
    cache.open()
    plan(cache, 3, planned("t/r/a"), planned("t/r/b"))
    keep(cache, "t/r/b")
    assert cache.next_update() is None
    settle(cache)
    first = cache.next_update()
    assert first == HoldingsUpdate("e", 5.0, 0, 3, missing=("t/r/a",), begins=True)
    keep(cache, "t/r/c")
    assert cache.next_update() == first
    cache.told(0)
    assert cache.next_update() == HoldingsUpdate("e", 5.0, 1, added=(("t/r/c", 1),))
    cache.told(0)
    cache.told(1)
    assert cache.next_update() is None
    cache.purge("t/r/c")
    keep(cache, "t/r/c")
    assert cache.next_update() is None
    cache.close()
