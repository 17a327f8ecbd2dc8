from collections.abc import Callable

import pytest

from matinee.edge.gate import BORNE_SECONDS, Gate, Opened
from matinee.model.plans import KeyRing, Revocation
from matinee.model.tokens import Token, TokenFault, sign

NOW = 1_800_000_000.0
KEY, OTHER = "k" * 32, "o" * 32
FILE = "tides/r1/v720/3.m4s"


def gate() -> Gate:
    made = Gate(now=lambda: NOW)
    made.use_keys(KeyRing("1", {"one": KEY}))
    return made


def address(*, playback: str = "a", key_id: str = "one", key: str = KEY, ends: float = 60, starts: float = 0) -> bytes:
    token = Token(key_id, int(NOW + ends), playback, "tides/r1/", starts=int(NOW + starts) if starts else 0)
    return f"/{sign(token, key.encode())}/{FILE}".encode()


def test_a_good_token_opens_its_path_and_says_whose_it_is() -> None:
    opened = gate().open(address(playback="b"))
    assert isinstance(opened, Opened)
    assert (opened.path, opened.playback_id) == (FILE, "b")


@pytest.mark.parametrize(
    ("raw_path", "fault"),
    [
        (b"/healthz/../x", TokenFault.ADDRESS),
        (b"/tides/r1/3.m4s/x", TokenFault.MALFORMED),
        (address(key=OTHER), TokenFault.FORGED),
        (address(key_id="two"), TokenFault.UNKNOWN_KEY),
        (address(ends=0), TokenFault.EXPIRED),
        (address(starts=1), TokenFault.EARLY),
        (address(starts=-1).replace(b"tides/r1", b"tides/r2"), TokenFault.FOREIGN),
    ],
)
def test_every_fault_has_its_name(raw_path: bytes, fault: TokenFault) -> None:
    assert gate().open(raw_path) is fault


def test_revoked_is_revoked_until_it_would_have_ended_anyway() -> None:
    ours = gate()
    ours.revoke([Revocation(1, "a", NOW + 60), Revocation(2, "edge:x", NOW - BORNE_SECONDS - 1)])
    assert ours.open(address()) is TokenFault.REVOKED
    assert isinstance(ours.open(address(playback="b")), Opened)
    assert set(ours.revoked) == {"a"}


def test_two_keys_live_at_once_and_one_that_left_opens_nothing() -> None:
    ours = gate()
    ours.use_keys(KeyRing("2", {"two": OTHER, "one": KEY}))
    assert isinstance(ours.open(address()), Opened)
    assert isinstance(ours.open(address(key_id="two", key=OTHER)), Opened)
    ours.use_keys(KeyRing("3", {"two": OTHER}))
    assert ours.open(address()) is TokenFault.UNKNOWN_KEY
    assert ours.keys_version == "3"


def test_a_clock_is_borne_ten_minutes_off_and_no_further_than_the_bound() -> None:
    ours = gate()
    ours.skew_seconds = -600
    assert isinstance(ours.open(address(ends=-590)), Opened)
    assert ours.open(address(ends=-610)) is TokenFault.EXPIRED
    ours.skew_seconds = 1e9
    assert ours.skew_seconds == BORNE_SECONDS


def test_the_version_grows_with_what_changes_and_with_nothing_else() -> None:
    ours = gate()
    versions = [ours.version]
    changes: list[Callable[[], None]] = [
        lambda: ours.revoke([Revocation(1, "a", NOW + 60)]),
        lambda: setattr(ours, "down", True),
        lambda: setattr(ours, "skew_seconds", 7.2),
        lambda: ours.use_keys(KeyRing("2", {"two": OTHER})),
    ]
    for change in changes:
        for _ in range(2):
            change()
            versions.append(ours.version)
    assert versions == [versions[0] + n for n in (0, 1, 1, 2, 2, 3, 3, 4, 4)]


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        (b"one.edge.example", True),
        (b"ONE.edge.example:8443", True),
        (b"[::1]:80", True),
        (b"two.edge.example", False),
        (b"one.edge.example.evil", False),
        (b"", False),
        (None, False),
    ],
)
def test_an_edge_that_was_told_its_name_goes_by_no_other(host: bytes | None, ours: bool) -> None:
    assert Gate(now=lambda: NOW, names={"one.edge.example", "[::1]"}).is_ours(host) is ours
    assert gate().is_ours(host)


def test_a_token_that_was_good_is_asked_anew_what_it_opens_each_time() -> None:
    now = [NOW]
    ours = Gate(now=lambda: now[0])
    ours.use_keys(KeyRing("1", {"one": KEY}))
    good = address(ends=60)
    assert isinstance(ours.open(good), Opened)
    assert ours.open(good.replace(b"tides/r1", b"tides/r2")) is TokenFault.FOREIGN
    now[0] += 60
    assert ours.open(good) is TokenFault.EXPIRED
    now[0] -= 1
    assert isinstance(ours.open(good), Opened)
    ours.use_keys(KeyRing("2", {"one": OTHER}))
    assert ours.open(good) is TokenFault.FORGED
