"""The event log on JetStream when servers die, lines are cut, and addresses are wrong."""

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Self

import pytest
import sqlalchemy as sa
from deploy.local import nats
from deploy.local.certificates import make_certificates
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from engines import missing
from event_processes import LEASE_SECONDS, STREAM_BYTES, Where, relay_and_hang, running, searched, until
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.adapters.events_jetstream import Address, JetStreamEventLog, JetStreamRelay, Keeping, examine
from matinee.adapters.events_jetstream_connection import OLDEST, Connection
from matinee.adapters.events_jetstream_messages import last_place
from matinee.adapters.leases_database import DatabaseLeases
from matinee.compose.engines import check_events, open_events, shown_events
from matinee.model.errors import Invalid, Unavailable
from matinee.model.events import SCHEMA_VERSION, Event
from matinee.ports import EventLog, Group, Tail
from matinee.settings import Settings

_streams = count(1)


@pytest.fixture
def database_url(empty_database: Callable[[str], AbstractContextManager[str]]) -> Iterator[str]:
    with empty_database("sqlite") as address:
        yield address


@pytest.fixture
def address(nats_hub: nats.Servers) -> str:
    return f"{nats_hub.address}?stream=faults_{next(_streams)}"


@contextmanager
def opened(
    address: str, leases: DatabaseLeases | None = None, authorities: Path | None = None, keeping: Keeping | None = None
) -> Iterator[JetStreamEventLog]:
    log = JetStreamEventLog(
        Address.read(address), leases, authorities, keeping or Keeping(1, stream_bytes=STREAM_BYTES), LEASE_SECONDS
    )
    try:
        yield log
    finally:
        log.close()


def installed() -> str:
    """The version of the server that is installed here: 2.9 or whatever is newer."""
    said = subprocess.run(
        [str(nats.find()), "--version"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", said)
    assert found is not None, said
    assert (int(found[1]), int(found[2])) >= OLDEST, said
    return found[0].removeprefix("v")


def ids(log: EventLog) -> list[str]:
    return [recorded.event.id for recorded in log.tail().read(limit=1_000_000)]


class Load:
    """Threads that append five events at a time, for as long as the body runs, and know what the log took."""

    def __init__(self, log: EventLog, source: str, threads: int = 4) -> None:
        self._log = log
        self._source = source
        self._numbers = count(step=5)
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(threads)
        self._threads = threads
        self.taken: list[str] = []
        self.refused: list[str] = []

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._append) for _ in range(self._threads)]
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for one in self._running:
            one.result(60)
        self._pool.shutdown()

    def more(self, number: int, seconds: float = 60) -> None:
        """Wait until the log took so many events more."""
        wanted = len(self.taken) + number
        until(lambda: len(self.taken) >= wanted, f"{number} events more of {self._source}", seconds)

    def _append(self) -> None:
        while not self._ended.wait(0.01):
            first = next(self._numbers)
            events = [searched(self._source, first + place) for place in range(5)]
            try:
                self._log.append(events)
            except Unavailable:
                # Perhaps accepted all the same; told again, it is once in the log.
                self.refused += [event.id for event in events]
            else:
                self.taken += [event.id for event in events]


class Readers:
    """A tail and a group's member that read for as long as the body runs."""

    def __init__(self, log: EventLog) -> None:
        self._tail = log.tail()
        self._group = log.group("watching")
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(2)
        self.seen: list[tuple[int, str]] = []
        self.handled: list[tuple[int, str]] = []

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._read), self._pool.submit(self._handle)]
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for one in self._running:
            one.result(60)
        self._pool.shutdown()

    def _read(self) -> None:
        while not self._ended.is_set():
            try:
                events = self._tail.read(wait_seconds=0.2)
            except Unavailable:
                continue
            self.seen += [(one.position, one.event.id) for one in events]

    def _handle(self) -> None:
        while not self._ended.is_set():
            try:
                with self._group.batch(100, wait_seconds=0.2) as events:
                    self.handled += [(one.position, one.event.id) for one in events]
            except Unavailable:
                continue


def everything_came_once(log: EventLog, loads: Sequence[Load], readers: Readers) -> None:
    """What the log took is in it once; the tail saw each once, in order, and the group each at least once."""
    taken = {event_id for load in loads for event_id in load.taken}
    tried = taken | {event_id for load in loads for event_id in load.refused}
    in_log = ids(log)
    assert [event_id for event_id, times in Counter(in_log).items() if times > 1] == []
    assert taken <= set(in_log) <= tried
    until(lambda: len(readers.seen) >= len(in_log), "the tail at the end")
    assert [event_id for _, event_id in readers.seen] == in_log
    assert readers.seen == sorted(readers.seen)
    until(lambda: {event_id for _, event_id in readers.handled} >= taken, "the group at the end")
    firsts = list({position: None for position, _ in readers.handled})
    assert firsts == sorted(firsts)


# --- Servers that die -------------------------------------------------------------------------------------------------


def test_a_killed_leader_loses_and_doubles_nothing(nats_hub: nats.Servers, address: str, database: sa.Engine) -> None:
    leases = DatabaseLeases(database, SystemClock())
    changes = [f"change-{number}" for number in range(700)]
    with opened(address, leases, keeping=Keeping(stream_bytes=STREAM_BYTES)) as log, Readers(log) as readers:
        relay = JetStreamRelay(database, log.publisher)
        with Load(log, "load") as load:
            load.more(200)
            with database.begin() as connection:
                DatabaseOutbox().append(connection, [searched("change", number) for number in range(700)])
            leader = nats_hub.leader(Address.read(address).stream)
            leader.kill()
            until(lambda: _forwarded(relay) == 0, "an empty outbox")
            load.more(200)
            leader.start()
            nats_hub.wait()
            load.more(50)
        load.taken += changes
        everything_came_once(log, [load], readers)
        assert [event_id for event_id in ids(log) if event_id.startswith("change")] == changes


def _forwarded(relay: JetStreamRelay) -> int:
    try:
        relay.forward()
    except Unavailable:
        return -1
    return len(relay.waiting())


def test_what_was_taken_is_there_after_all_servers_were_killed_and_a_site_goes_on_meanwhile(
    nats_hub: nats.Servers, address: str, database: sa.Engine
) -> None:
    keeping = Keeping(stream_bytes=STREAM_BYTES, sites=("edge1",))
    leases = DatabaseLeases(database, SystemClock())
    with (
        nats.leaf(nats_hub, "edge1") as there,
        opened(address, leases, keeping=keeping) as log,
        opened(f"{there.address}&stream={Address.read(address).stream}") as site_log,
        Readers(log) as readers,
    ):
        with Load(log, "hub", threads=2) as hub_load, Load(site_log, "site", threads=2) as site_load:
            hub_load.more(50)
            until(lambda: any(event_id.startswith("site") for _, event_id in readers.seen), "the site's first events")
            for server in nats_hub.servers:
                server.kill()
            site_load.more(100)
            assert set(ids(site_log)) >= set(site_load.taken[:100])
            with pytest.raises(Unavailable, match="does not answer"):
                log.end()
            for server in nats_hub.servers:
                server.start()
            nats_hub.wait()
            hub_load.more(50)
            site_load.more(20)
        until(lambda: set(site_load.taken) <= set(ids(log)), "everything of the site in the hub")
        everything_came_once(log, [hub_load, site_load], readers)


def test_relays_that_race_and_die_put_each_message_in_the_stream_once(
    address: str, database: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    with opened(address) as log:
        relay = JetStreamRelay(database, log.publisher)
        _leave(database, 0, 50)
        hung = tmp_path / "hung"
        with running(relay_and_hang, Where(database_url, address), hung) as killed:
            until(hung.exists, "a relay in the middle of its work")
            killed.kill()
            killed.join()
        # What comes now is not to change what was on its way.
        _leave(database, 50, 80)
        with ThreadPoolExecutor(3) as pool:
            assert sum(pool.map(lambda _: relay.forward(), range(3))) == 30
        assert log.end() == last_place(2)
        assert ids(log) == [f"a-{number}" for number in range(80)]


def _leave(database: sa.Engine, first: int, end: int) -> None:
    with database.begin() as connection:
        DatabaseOutbox().append(connection, [searched("a", number) for number in range(first, end)])


def test_a_tail_and_a_group_go_on_when_their_consumers_server_stands_still(
    nats_hub: nats.Servers, address: str, database: sa.Engine
) -> None:
    leases = DatabaseLeases(database, SystemClock())
    with opened(address, leases, keeping=Keeping(stream_bytes=STREAM_BYTES)) as log:
        tail, group = log.tail(), log.group("some")
        log.append([searched("a", 0)])
        assert len(tail.read()) == 1
        with group.batch() as events:
            assert len(events) == 1
        leaders = {nats_hub.leader(Address.read(address).stream).name}
        others = [server for server in nats_hub.servers if server.name not in leaders]
        # The group's consumer has a leader of its own.
        frozen = next((server for server in others if server.name == _leader_of_group(log)), others[0])
        frozen.freeze()
        try:
            log.append([searched("a", 1)])
            until(lambda: _read(tail) == 1, "the tail")
            until(lambda: _handled(group) == 1, "the group")
        finally:
            frozen.thaw()
        nats_hub.wait()


def _leader_of_group(log: JetStreamEventLog) -> str | None:
    async def ask(streams: JetStreamContext) -> str | None:
        [group] = [one for one in await streams.consumers_info(log._stream.name) if one.name.startswith("group-")]
        return group.cluster.leader if group.cluster else None

    return log._connection.call(log._connection.manage(ask, 60), 60)


def _read(tail: Tail) -> int:
    try:
        return len(tail.read())
    except Unavailable:
        return 0


def _handled(group: Group) -> int:
    try:
        with group.batch(wait_seconds=1.0) as events:
            return len(events)
    except Unavailable:
        return 0


def test_a_site_can_give_its_own_events_and_do_nothing_else_at_the_hub(nats_hub: nats.Servers, address: str) -> None:
    stream = Address.read(address).stream
    with (
        nats.leaf(nats_hub, "edge2") as there,
        opened(f"{there.address}&stream={stream}") as site_log,
        opened(address, keeping=Keeping(1, stream_bytes=STREAM_BYTES, sites=("edge2",))) as log,
    ):
        for first in range(0, 20_000, 1000):
            site_log.append([searched("a", first + place) for place in range(1000)])
        until(lambda: log.end() == site_log.end(), "the site's events")
        connection = site_log._connection

        async def ask(client: Client) -> list[str]:
            said = []
            for subject in (f"$JS.hub.API.STREAM.DELETE.{stream}", f"$JS.API.STREAM.DELETE.{stream}", stream):
                try:
                    said.append((await client.request(subject, b"{}", timeout=30)).data.decode())
                except NoRespondersError:
                    said.append("nobody")
            return said

        deleted, deleted_here, published = connection.call(connection.patiently(ask, 120), 120)
        assert (deleted, published) == ("nobody", "nobody")
        assert "stream not found" in deleted_here
        assert ids(log) == [f"a-{number}" for number in range(20_000)]


# --- Addresses and servers that are not right -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "nats://127.0.0.1:4222",
        "nats://user@127.0.0.1:4222",
        "nats://user:secretive@",
        "http://user:secretive@127.0.0.1:4222",
        "nats://user:secretive@127.0.0.1:4222/path",
        "nats://user:secretive@127.0.0.1:4222?stream=a.b",
        "nats://user:secretive@127.0.0.1:4222?sites=a",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(Invalid, match="MATINEE_EVENTS") as raised:
        Address.read(text)
    assert "secretive" not in str(raised.value)


def test_an_address_is_read_and_shown_without_its_password() -> None:
    address = Address.read("tls://us%40er:pass%3Aword@one:4222,two?site=edge1&stream=LOG")
    assert (address.hosts, address.user, address.password) == (("one:4222", "two:4222"), "us@er", "pass:word")
    assert (address.tls, address.site, address.own_stream) == (True, "edge1", "LOG_edge1")
    assert str(address) == "tls://one:4222,two:4222"
    assert "pass:word" not in repr(address)


def test_a_wrong_password_is_named_and_not_shown(nats_hub: nats.Servers) -> None:
    with (
        pytest.raises(Invalid, match="refuse 'matinee' or its password") as raised,
        opened(nats_hub.address.replace(nats_hub.password, "secretive")),
    ):
        pass
    assert "secretive" not in str(raised.value)


def test_servers_that_are_not_there_are_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 do not answer"), opened("nats://u:p@127.0.0.1:1"):
        pass


def test_a_server_that_speaks_no_tls_never_hears_the_password_of_a_tls_address(nats_hub: nats.Servers) -> None:
    with pytest.raises(Invalid, match="speaks no TLS"), opened(nats_hub.address.replace("nats://", "tls://")):
        pass


def test_over_tls_servers_are_trusted_by_our_authorities_only(tmp_path: Path) -> None:
    if nats.find() is None:
        missing("nats-server", nats.INSTALL)
    with nats.cluster(tls=True) as hub, nats.leaf(hub) as there:
        with pytest.raises(Invalid, match=r"cannot be trusted: .*certificate"), opened(hub.address):
            pass
        stranger = make_certificates(tmp_path).authorities
        with pytest.raises(Invalid, match="cannot be trusted"), opened(hub.address, authorities=stranger):
            pass
        with (
            opened(there.address, authorities=there.authorities) as site_log,
            opened(hub.address, authorities=hub.authorities, keeping=Keeping(sites=("edge1",))) as log,
        ):
            site_log.append([searched("a", 0)])
            until(lambda: ids(log) == ["a-0"], "the site's event")
        settings = Settings(events=hub.address, tls_authorities=str(hub.authorities))
        says = r"stream MATINEE_EVENTS, 3 replicas(, hub\d.* behind)?, 1 messages, \d+ bytes"
        assert re.fullmatch(rf"NATS {re.escape(installed())}, {says}", check_events(settings))
    with pytest.raises(Invalid, match="authorities"), opened(hub.address, authorities=tmp_path / "none.pem"):
        pass


@contextmanager
def pretended(version: str) -> Iterator[int]:
    """A server that says this version and answers what a client asks at first; yields its port."""
    said = {"server_id": "X", "version": version, "headers": True, "max_payload": 1048576, "auth_required": True}
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                client.sendall(f"INFO {json.dumps(said)}\r\n".encode())
                heard = b""
                while b"PING" not in heard:
                    heard += client.recv(65536)
                client.sendall(b"PONG\r\n")
                while client.recv(65536):
                    pass

        serving = threading.Thread(target=serve)
        serving.start()
        yield listening.getsockname()[1]
        serving.join(60)


def test_a_server_that_is_too_old_is_named() -> None:
    with (
        pretended("2.8.4") as port,
        pytest.raises(Invalid, match=r"2\.8\.4.*; Matinee needs 2\.9 or newer"),
        opened(f"nats://u:p@127.0.0.1:{port}"),
    ):
        pass


def test_a_server_without_jetstream_is_named(tmp_path: Path) -> None:
    program = nats.find()
    if program is None:
        missing("nats-server", nats.INSTALL)
    assert program is not None
    [port] = nats.free_ports(1)
    configuration = tmp_path / "plain.conf"
    configuration.write_text(f'listen: "127.0.0.1:{port}"\nauthorization {{ user: u, password: p }}\n')
    process = subprocess.Popen([program, "-c", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: not _closed(port), "the server")
        with pytest.raises(Invalid, match="has no JetStream"), opened(f"nats://u:p@127.0.0.1:{port}"):
            pass
    finally:
        process.kill()
        process.wait(10)


def _closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ("Matinee events, schema 99", f"has events of schema 99; this version reads {SCHEMA_VERSION}"),
        ("somebody's", "is not one of Matinee's"),
    ],
)
def test_a_stream_of_another_schema_or_of_somebody_else_is_left_alone(
    address: str, description: str, sentence: str
) -> None:
    where = Address.read(address)
    connection = Connection(where)
    config = StreamConfig(name=where.stream, subjects=[where.stream], description=description)

    async def make(streams: JetStreamContext) -> None:
        await streams.add_stream(config)

    connection.call(connection.manage(make, 60), 60)
    connection.close()
    with pytest.raises(Invalid, match=sentence), opened(address):
        pass
    with pytest.raises(Invalid, match=sentence):
        examine(address)


def test_a_stream_is_made_once_and_changed_to_what_it_is_to_keep(address: str) -> None:
    assert examine(address) == (installed(), f"no stream {Address.read(address).stream} yet")
    with opened(address, keeping=Keeping(1, stream_bytes=STREAM_BYTES)) as log:
        log.append([searched("a", 0)])
    with opened(address, keeping=Keeping(3, days=2.0, stream_bytes=2 * STREAM_BYTES)) as log:
        until(lambda: "3 replicas, 1 messages" in examine(address)[1], "the replicas")
        # A server counts as a replica before it has what there is, and a reader's consumer may lie there.
        until(lambda: _read(log.tail()) == 1, "the event, out of any of them")


def test_an_event_that_fits_no_message_is_named_and_what_comes_after_it_waits(
    address: str, database: sa.Engine
) -> None:
    with opened(address) as log:
        relay = JetStreamRelay(database, log.publisher)
        sane = searched("a", 0)
        with database.begin() as connection:
            DatabaseOutbox().append(connection, [sane, Event("huge", sane.time, "x" * 9_000_000, sane.facts)])
        with pytest.raises(Unavailable, match=r"'huge', does not go: .* too many at once"):
            relay.forward()
        assert ids(log) == ["a-0"]
        assert [event.id for event in relay.waiting()] == ["huge"]


def test_a_log_that_is_full_refuses_and_forgets_nothing(address: str) -> None:
    with opened(address, keeping=Keeping(1, stream_bytes=64 * 1024)) as log:
        numbers = count(step=50)

        def fill() -> None:
            while True:
                first = next(numbers)
                log.append([searched("a", first + place) for place in range(50)])

        with pytest.raises(Unavailable, match="maximum bytes exceeded"):
            fill()
        taken = next(numbers) - 50
        assert taken > 0
        assert ids(log) == [f"a-{number}" for number in range(taken)]
        log.drop(log.end())
        log.append([searched("b", 0)])
        assert ids(log) == ["b-0"]


def test_what_does_not_fit_one_message_is_refused_whole(address: str) -> None:
    with opened(address) as log:
        assert log.append([searched("a", number) for number in range(1024)]) == 1024
        with pytest.raises(Invalid, match="1025 events are too many at once"):
            log.append([searched("b", number) for number in range(1025)])
        sane = searched("c", 0)
        long = [Event(f"c-{number}", sane.time, "x" * 20_000, sane.facts) for number in range(500)]
        with pytest.raises(Invalid, match="bytes of events are too many at once"):
            log.append(long)
        assert len(ids(log)) == 1024


def test_a_closed_log_is_unavailable_and_one_without_leases_has_no_groups(address: str) -> None:
    with opened(address) as log:
        with pytest.raises(Invalid, match="without leases"):
            log.group("some")
        tail = log.tail()
    for ask in (log.end, tail.read, lambda: log.append([searched("a", 0)])):
        with pytest.raises(Unavailable, match="closed"):
            ask()


def test_settings_open_the_log_and_its_relay(address: str, database: sa.Engine) -> None:
    settings = Settings(events=address, events_replicas=1, events_keep_bytes=STREAM_BYTES)
    log, relay = open_events(settings, database)
    assert isinstance(log, JetStreamEventLog)
    with database.begin() as connection:
        DatabaseOutbox().append(connection, [searched("a", 0)])
    assert relay.forward() == 1
    assert ids(log) == ["a-0"]
    log.close()
    assert shown_events(settings) == str(Address.read(address))
    assert check_events(settings).startswith(f"NATS {installed()}, stream faults_")


# --- The files an operator installs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["nats.env", "site.env"])
def test_the_configuration_files_are_right_with_the_environments_that_are_shipped(file: str, tmp_path: Path) -> None:
    program = nats.find()
    if program is None:
        missing("nats-server", nats.INSTALL)
    assert program is not None
    lines = (nats.CONFIGURATIONS / file).read_text().splitlines()
    shipped = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    made = make_certificates(tmp_path)
    filled = {"HERE": "127.0.0.1", "CHANGE_HUB": '"tls://site:password@10.0.0.1:7422"'}
    # As systemd takes the outer quotes off.
    environment = {name: value[1:-1] for name, value in shipped.items()}
    for word, value in filled.items():
        environment = {name: said.replace(word, value) for name, said in environment.items()}
    environment |= {
        "NATS_CERTIFICATE": f'"{made.certificate}"',
        "NATS_KEY": f'"{made.key}"',
        "NATS_AUTHORITIES": f'"{made.authorities}"',
    }
    ended = subprocess.run(
        [program, "-t", "-c", nats.CONFIGURATIONS / environment["NATS_CONFIGURATION"]],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr


def test_an_empty_log_that_is_told_to_begin_behind_a_lost_one_goes_on_from_there(address: str) -> None:
    with opened(address) as log:
        log._connection.call(log._stream.drop(41), 60)
        assert log.end() == last_place(41)
        assert log.append([searched("anew", 1), searched("anew", 2)]) == 2
        assert [one.position for one in log.tail(last_place(41)).read()] == [last_place(42) - 1, last_place(42)]
        assert len(log.tail().read()) == 2


def test_callers_who_come_while_messages_are_on_their_way_share_the_next_and_each_event_counts_once(
    nats_hub: nats.Servers, address: str, database: sa.Engine
) -> None:
    begun: list[int] = []

    def append(log: EventLog, number: int) -> int:
        begun.append(number)
        # Every second caller brings what the one before it brought.
        return log.append([searched("a", 10 * (number // 2) + place) for place in range(10)])

    with opened(address, DatabaseLeases(database, SystemClock())) as log, ThreadPoolExecutor(40) as pool:
        log.append([searched("first", 0)])
        for server in nats_hub.servers:
            server.freeze()
        try:
            asked = [pool.submit(append, log, number) for number in range(40)]
            until(lambda: len(begun) == 40, "all callers")
            time.sleep(0.5)
        finally:
            for server in nats_hub.servers:
                server.thaw()
        assert sum(one.result(60) for one in asked) == 200
        assert sorted(ids(log)) == sorted(["first-0", *(f"a-{number}" for number in range(200))])
        assert log.end() // 1024 < 20
        # A group of rare types is given none of these messages, and holds nothing back.
        group = log.group("rare", ["title.encoded"])
        with group.batch(wait_seconds=0.0) as events:
            assert events == ()
        log.drop(log.end())
        assert ids(log) == []
