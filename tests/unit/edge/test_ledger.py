import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from matinee.edge import ledger as ledgers
from matinee.edge.ledger import Ledger
from matinee.model.plans import Account, Origin


def opened(folder: Path, started: float = 1.0) -> Ledger:
    return Ledger(folder / "ledger.db", edge_id="here", started=started)


def lines(account: Account | None) -> dict[tuple[str, str], int]:
    assert account is not None
    return {(line.playback_id, line.origin): line.size_bytes for line in account.lines}


def test_an_interval_is_told_until_it_is_settled_and_what_came_meanwhile_is_the_next(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    assert ledger.interval() is None
    ledger.add("a", Origin.PLACED, 10)
    ledger.add("a", Origin.PLACED, 5)
    ledger.add("b", Origin.PEER, 1)
    first = ledger.interval()
    ledger.add("a", Origin.PLACED, 100)
    assert ledger.interval() is first
    assert (lines(first), first and first.sequence) == ({("a", "placed"): 15, ("b", "peer"): 1}, 0)
    ledger.settle(-1)
    assert ledger.interval() is first
    ledger.settle(0)
    second = ledger.interval()
    assert (lines(second), second and second.sequence) == ({("a", "placed"): 100}, 1)
    ledger.settle(1)
    assert ledger.interval() is None


def test_a_restart_loses_nothing_that_was_saved_and_tells_old_accounts_under_their_old_numbers(tmp_path: Path) -> None:
    killed = opened(tmp_path, started=1.0)
    killed.add("a", Origin.DEMAND, 7)
    told = killed.interval()
    killed.add("a", Origin.DEMAND, 8)
    killed.save()
    after = opened(tmp_path, started=2.0)
    assert after.interval() == told
    after.settle(0)
    rest = after.interval()
    assert (lines(rest), rest and rest.started, rest and rest.sequence) == ({("a", "demand"): 8}, 2.0, 0)


def test_totals_count_this_process_and_bytes_between_edges_stand_apart(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.add("a", Origin.ORIGIN, 3)
    ledger.add("edge:other", Origin.PLACED, 4)
    ledger.add("a", Origin.ORIGIN, 0)
    assert (dict(ledger.totals), ledger.between_edges_bytes) == ({Origin.ORIGIN: 3, Origin.PLACED: 4}, 4)


def test_a_long_account_is_told_in_pieces_that_sum_to_the_whole(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for number in range(ledgers.LONGEST_INTERVAL + 10):
        ledger.add(f"p{number}", Origin.PLACED, number + 1)
    first = ledger.interval()
    assert first is not None
    assert len(first.lines) == ledgers.LONGEST_INTERVAL
    ledger.settle(first.sequence)
    assert len({*lines(first), *lines(ledger.interval())}) == ledgers.LONGEST_INTERVAL + 10


def test_a_disk_that_refuses_costs_no_count(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.add("a", Origin.PLACED, 10)
    with sqlite3.connect(tmp_path / "ledger.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        ledger._database.execute("PRAGMA busy_timeout=10")
        ledger.save()
        ledger.add("a", Origin.PLACED, 5)
        assert ledger.interval() is None
        other.execute("ROLLBACK")
    assert lines(ledger.interval()) == {("a", "placed"): 15}
    other.close()


def test_what_was_saved_is_brought_past_the_journal_at_the_side_while_more_is_added(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.add("a", Origin.PLACED, 10)
    ledger.save()
    with ThreadPoolExecutor(1) as beside:
        beside.submit(ledger.checkpoint).result()
    ledger.add("b", Origin.PEER, 1)
    ledger.save()
    # The database file alone, without its journal: what a power cut leaves.
    (tmp_path / "left").mkdir()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "left" / "ledger.db")
    assert lines(opened(tmp_path / "left").interval()) == {("a", "placed"): 10}
    assert lines(ledger.interval()) == {("a", "placed"): 10, ("b", "peer"): 1}
    (tmp_path / "ledger.db").unlink()
    (tmp_path / "ledger.db").mkdir()
    ledger.checkpoint()  # a file that cannot be opened is told of, no more
