"""What the accounts room promises, on SQLite and on PostgreSQL."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from matinee.accounts import store
from matinee.accounts.members import Accounts, Member, Role, SignIn
from matinee.adapters.clock_manual import ManualClock
from matinee.model.errors import Conflict, Forbidden, Invalid, LimitReached, MatineeError, NotFound, SignInRequired

EMAIL, PASSWORD = "maya@example.com", "correct horse"
DAY = 86_400


@pytest.fixture
def accounts(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Accounts:
    return Accounts(engine=database, clock=clock, random_bytes=random_bytes, session_seconds=30 * DAY)


@pytest.fixture
def member(accounts: Accounts) -> Member:
    return accounts.sign_up(EMAIL, PASSWORD)


@pytest.fixture
def signed(accounts: Accounts, member: Member) -> SignIn:
    return accounts.sign_in(EMAIL, PASSWORD, "A browser")


def refusal(attempt: Callable[[], object]) -> MatineeError:
    with pytest.raises(MatineeError) as caught:
        attempt()
    return caught.value


def test_who_signed_up_signs_in_however_the_address_is_typed(accounts: Accounts, member: Member) -> None:
    signed = accounts.sign_in(" Maya@EXAMPLE.com ", PASSWORD, "A browser")
    assert signed.member == member == accounts.member_of(signed.token)
    assert member.role is Role.MEMBER
    assert accounts.profiles(member.id) == []


def test_an_address_has_one_account(accounts: Accounts, member: Member) -> None:
    with pytest.raises(Conflict, match=EMAIL):
        accounts.sign_up("MAYA@example.com", "another password")
    assert accounts.sign_in(EMAIL, PASSWORD, "").member == member


def test_of_many_who_take_an_address_at_once_one_gets_it(accounts: Accounts) -> None:
    def attempt(_: int) -> Member | Conflict:
        try:
            return accounts.sign_up(EMAIL, PASSWORD)
        except Conflict as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(attempt, range(6)))
    assert sum(isinstance(answer, Member) for answer in answers) == 1


def test_a_bad_address_or_a_short_password_makes_no_account(accounts: Accounts) -> None:
    for email, password in (("maya", PASSWORD), (EMAIL, "1234567"), (EMAIL, "x" * 1001), ("a\x00@b.c", PASSWORD)):
        assert isinstance(refusal(lambda e=email, p=password: accounts.sign_up(e, p)), Invalid)  # type: ignore[misc]
    assert isinstance(refusal(lambda: accounts.sign_in(EMAIL, PASSWORD, "")), SignInRequired)


def test_neither_passwords_nor_tokens_nor_pins_stand_in_the_database(
    accounts: Accounts, signed: SignIn, database: sa.Engine
) -> None:
    accounts.create_profile(signed.member.id, "Maya", pin="90210")
    with database.connect() as connection:
        everything = [
            str(tuple(row)) for table in store.metadata.sorted_tables for row in connection.execute(table.select())
        ]
    assert any(EMAIL in row for row in everything)
    for secret in (PASSWORD, signed.token, "90210"):
        assert not any(secret in row for row in everything)


def test_an_unknown_address_and_a_wrong_password_get_the_same_words(accounts: Accounts, member: Member) -> None:
    wrong = refusal(lambda: accounts.sign_in(EMAIL, "wrong password", ""))
    unknown = refusal(lambda: accounts.sign_in("nobody@example.com", PASSWORD, ""))
    malformed = refusal(lambda: accounts.sign_in("nobody", PASSWORD, ""))
    assert isinstance(wrong, SignInRequired)
    assert str(wrong) == str(unknown) == str(malformed)


def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    accounts: Accounts, member: Member, clock: ManualClock
) -> None:
    def seconds(email: str) -> float:
        taken = []
        for _ in range(5):
            started = time.thread_time()
            refusal(lambda: accounts.sign_in(email, "wrong password", ""))
            taken.append(time.thread_time() - started)
        return statistics.median(taken)

    # A hash takes about forty milliseconds; without one the unknown address would be twenty times faster.
    assert seconds("nobody@example.com") > seconds(EMAIL) / 2


def test_guessing_a_password_ends_after_ten_wrong_ones_even_for_the_right_one(
    accounts: Accounts, member: Member, clock: ManualClock
) -> None:
    for _ in range(10):
        assert isinstance(refusal(lambda: accounts.sign_in(EMAIL, "wrong password", "")), SignInRequired)
        clock.advance(30)
    limited = refusal(lambda: accounts.sign_in(EMAIL, PASSWORD, ""))
    assert isinstance(limited, LimitReached)
    assert limited.retry_after_seconds == 10 * 60
    assert "10 minutes" in str(limited)
    clock.advance(10 * 60 - 1)
    assert isinstance(refusal(lambda: accounts.sign_in(EMAIL, PASSWORD, "")), LimitReached)
    clock.advance(1)
    assert accounts.sign_in(EMAIL, PASSWORD, "").member == member


def test_an_unknown_address_is_limited_just_the_same(accounts: Accounts) -> None:
    for _ in range(10):
        refusal(lambda: accounts.sign_in("nobody@example.com", PASSWORD, ""))
    assert isinstance(refusal(lambda: accounts.sign_in("Nobody@example.com", PASSWORD, "")), LimitReached)
    assert isinstance(refusal(lambda: accounts.sign_in("another@example.com", PASSWORD, "")), SignInRequired)


def test_a_right_password_forgives_the_wrong_ones_before_it(accounts: Accounts, member: Member) -> None:
    for _ in range(3):
        for _ in range(9):
            refusal(lambda: accounts.sign_in(EMAIL, "wrong password", ""))
        accounts.sign_in(EMAIL, PASSWORD, "")


def test_another_process_counts_the_same_guesses(
    accounts: Accounts,
    member: Member,
    database: sa.Engine,
    clock: ManualClock,
    random_bytes: Callable[[int], bytes],
) -> None:
    other = Accounts(engine=database, clock=clock, random_bytes=random_bytes, session_seconds=DAY)

    def guess(place: int) -> None:
        refusal(lambda: (accounts, other)[place % 2].sign_in(EMAIL, "wrong password", ""))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(guess, range(10)))
    assert isinstance(refusal(lambda: other.sign_in(EMAIL, PASSWORD, "")), LimitReached)


def test_many_devices_sign_in_at_once(accounts: Accounts, member: Member) -> None:
    with ThreadPoolExecutor(12) as pool:
        tokens = set(pool.map(lambda _: accounts.sign_in(EMAIL, PASSWORD, "").token, range(24)))
    assert len(tokens) == 24
    assert {accounts.member_of(token).id for token in tokens} == {member.id}


def test_a_hash_of_older_parameters_is_renewed_at_the_next_sign_in(
    accounts: Accounts, member: Member, database: sa.Engine
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with database.begin() as connection:
        store.change_password_hash(connection, member.id, weak)
    accounts.sign_in(EMAIL, PASSWORD, "")
    with database.connect() as connection:
        found = store.member_with_password(connection, email=EMAIL)
    assert found is not None
    assert found[1] != weak
    assert accounts.sign_in(EMAIL, PASSWORD, "").member == member


def test_a_token_opens_until_it_is_signed_out(accounts: Accounts, signed: SignIn) -> None:
    other = accounts.sign_in(EMAIL, PASSWORD, "A television")
    accounts.sign_out(signed.token)
    accounts.sign_out(signed.token)
    for token in (signed.token, "", "nonsense", "\ud800"):
        assert isinstance(refusal(lambda t=token: accounts.member_of(t)), SignInRequired)  # type: ignore[misc]
    assert accounts.member_of(other.token) == signed.member


def test_a_sign_in_ends_by_itself_and_is_removed(accounts: Accounts, signed: SignIn, clock: ManualClock) -> None:
    clock.advance(29 * DAY)
    later = accounts.sign_in(EMAIL, PASSWORD, "")
    assert accounts.forget_expired() == 0
    assert accounts.member_of(signed.token) == signed.member
    clock.advance(DAY)
    assert signed.expires_at == clock.now()
    assert isinstance(refusal(lambda: accounts.member_of(signed.token)), SignInRequired)
    assert len(accounts.sessions(signed.member.id)) == 1
    assert accounts.forget_expired() == 1
    assert accounts.member_of(later.token) == signed.member


def test_old_guesses_are_forgotten(accounts: Accounts, clock: ManualClock, database: sa.Engine) -> None:
    def kept() -> int | None:
        with database.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(store.guesses))

    refusal(lambda: accounts.sign_in("nobody@example.com", PASSWORD, ""))
    accounts.forget_expired()
    assert kept() == 1
    clock.advance(15 * 60)
    accounts.forget_expired()
    assert kept() == 0


def test_being_seen_is_written_at_most_once_a_minute(
    accounts: Accounts, signed: SignIn, clock: ManualClock, database: sa.Engine
) -> None:
    writes: list[str] = []
    sa.event.listen(
        database,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: writes.append(statement) if statement.startswith("UPDATE") else None,
    )
    began = clock.now()
    for _ in range(59):
        clock.advance(1)
        accounts.presence(signed.token)
    assert not writes
    assert accounts.sessions(signed.member.id)[0].last_seen_at == began
    clock.advance(1)
    accounts.presence(signed.token)
    accounts.presence(signed.token)
    assert len(writes) == 1
    assert accounts.sessions(signed.member.id)[0].last_seen_at == clock.now()


def test_a_member_sees_where_they_are_signed_in_and_ends_what_is_theirs(
    accounts: Accounts, signed: SignIn, clock: ManualClock
) -> None:
    clock.advance(5)
    second = accounts.sign_in(EMAIL, PASSWORD, "A tele\x00vision\n" + "x" * 300)
    stranger = accounts.sign_up("theo@example.com", PASSWORD)
    television, browser = accounts.sessions(signed.member.id, signed.token)
    assert (browser.device, browser.current, television.current) == ("A browser", True, False)
    assert television.device.startswith("A television")
    assert len(television.device) == 200
    for owner, session in ((stranger.id, television.id), (signed.member.id, "0" * 16), (signed.member.id, "\x00")):
        assert isinstance(refusal(lambda o=owner, s=session: accounts.end_session(o, s)), NotFound)  # type: ignore[misc]
    accounts.end_session(signed.member.id, television.id)
    assert isinstance(refusal(lambda: accounts.member_of(second.token)), SignInRequired)


def test_a_sign_out_counts_at_once_here_and_in_every_process_within_seconds(
    accounts: Accounts,
    signed: SignIn,
    database: sa.Engine,
    clock: ManualClock,
    random_bytes: Callable[[int], bytes],
) -> None:
    elsewhere = Accounts(engine=database, clock=clock, random_bytes=random_bytes, session_seconds=30 * DAY)
    other = accounts.sign_in(EMAIL, PASSWORD, "A television")
    for one in (accounts, elsewhere):
        assert one.member_of(signed.token) == one.member_of(other.token) == signed.member
    accounts.sign_out(signed.token)
    assert isinstance(refusal(lambda: accounts.member_of(signed.token)), SignInRequired)
    (left,) = accounts.sessions(signed.member.id)
    accounts.end_session(signed.member.id, left.id)
    assert isinstance(refusal(lambda: accounts.member_of(other.token)), SignInRequired)
    clock.advance(3)
    for token in (signed.token, other.token):
        assert isinstance(refusal(partial(elsewhere.member_of, token)), SignInRequired)


def test_profiles_are_made_changed_and_deleted(accounts: Accounts, member: Member, clock: ManualClock) -> None:
    maya = accounts.create_profile(member.id, " Maya ")
    clock.advance(1)
    kids = accounts.create_profile(member.id, "Kids", language="sv", maturity_limit=7, pin="1234")
    assert (maya.name, maya.language, maya.maturity_limit, maya.has_pin) == ("Maya", "en", 18, False)
    assert (kids.language, kids.maturity_limit, kids.has_pin) == ("sv", 7, True)
    assert accounts.profiles(member.id) == [maya, kids]
    changed = accounts.change_profile(member.id, kids.id, name="Teens", maturity_limit=12, pin=None)
    assert (changed.name, changed.maturity_limit, changed.language, changed.has_pin) == ("Teens", 12, "sv", False)
    assert accounts.profile(member.id, kids.id) == changed == accounts.change_profile(member.id, kids.id)
    accounts.delete_profile(member.id, kids.id)
    assert accounts.profiles(member.id) == [maya]


def test_another_members_profile_is_not_found(accounts: Accounts, member: Member) -> None:
    stranger = accounts.sign_up("theo@example.com", PASSWORD)
    profile = accounts.create_profile(stranger.id, "Theo", pin="1234")
    for attempt in (
        lambda: accounts.profile(member.id, profile.id),
        lambda: accounts.change_profile(member.id, profile.id, name="Mine"),
        lambda: accounts.delete_profile(member.id, profile.id),
        lambda: accounts.check_pin(member.id, profile.id, "1234"),
        lambda: accounts.profile(stranger.id, "no id\x00"),
    ):
        assert isinstance(refusal(attempt), NotFound)
    assert accounts.profile(stranger.id, profile.id) == profile


def test_a_household_has_an_end(accounts: Accounts, member: Member) -> None:
    for place in range(100):
        accounts.create_profile(member.id, f"Guest {place}")
    assert isinstance(refusal(lambda: accounts.create_profile(member.id, "One more")), Conflict)


def test_a_pin_is_guessed_at_most_five_times_in_a_quarter_of_an_hour(
    accounts: Accounts, member: Member, clock: ManualClock
) -> None:
    profile = accounts.create_profile(member.id, "Maya", pin="1234")
    accounts.check_pin(member.id, profile.id, "1234")
    for _ in range(5):
        wrong = refusal(lambda: accounts.check_pin(member.id, profile.id, "4321"))
        assert isinstance(wrong, Forbidden)
        assert "Maya" in str(wrong)
    assert isinstance(refusal(lambda: accounts.check_pin(member.id, profile.id, "1234")), LimitReached)
    clock.advance(15 * 60)
    accounts.check_pin(member.id, profile.id, "1234")


def test_a_locked_profile_opens_for_the_session_that_gave_its_pin_and_for_no_other(
    accounts: Accounts, signed: SignIn
) -> None:
    profile = accounts.create_profile(signed.member.id, "Maya", pin="1234")
    other = accounts.sign_in(EMAIL, PASSWORD, "The children's tablet")
    assert isinstance(refusal(lambda: accounts.household(signed.token).open(profile.id)), Forbidden)
    assert isinstance(refusal(lambda: accounts.household(signed.token).unlock(profile.id)), Forbidden)
    accounts.household(signed.token).unlock(profile.id, pin="1234")
    assert accounts.household(signed.token).open(profile.id) == profile
    for attempt in (
        lambda: accounts.household(other.token).open(profile.id),
        lambda: accounts.household(other.token).change(profile.id, pin=None),
        lambda: accounts.household(other.token).remove(profile.id),
        lambda: accounts.household(other.token).limit(profile.id),
    ):
        assert isinstance(refusal(attempt), Forbidden)


def test_an_unlocked_profile_is_locked_by_time_by_hand_and_by_opening_another(
    accounts: Accounts, signed: SignIn, clock: ManualClock
) -> None:
    maya = accounts.create_profile(signed.member.id, "Maya", pin="1234")
    theo = accounts.create_profile(signed.member.id, "Theo", pin="4321")
    kids = accounts.create_profile(signed.member.id, "Kids", maturity_limit=7)

    def is_open() -> bool:
        try:
            accounts.household(signed.token).open(maya.id)
        except Forbidden:
            return False
        return True

    def unlock() -> None:
        accounts.household(signed.token).unlock(maya.id, pin="1234")
        assert is_open()

    unlock()
    clock.advance(6 * 3600 - 1)
    assert is_open()
    clock.advance(1)
    assert not is_open()
    unlock()
    accounts.household(signed.token).lock()
    assert not is_open()
    unlock()
    accounts.household(signed.token).unlock(theo.id, pin="4321")
    assert not is_open()
    unlock()
    accounts.household(signed.token).unlock(kids.id)
    assert not is_open()


def test_a_changed_pin_locks_the_profile_everywhere_but_where_it_was_changed(
    accounts: Accounts, signed: SignIn
) -> None:
    profile = accounts.create_profile(signed.member.id, "Maya", pin="1234")
    other = accounts.sign_in(EMAIL, PASSWORD, "A tablet")
    for token in (signed.token, other.token):
        accounts.household(token).unlock(profile.id, pin="1234")
    accounts.household(signed.token).change(profile.id, pin="5678")
    accounts.household(signed.token).open(profile.id)
    assert isinstance(refusal(lambda: accounts.household(other.token).open(profile.id)), Forbidden)
    assert isinstance(refusal(lambda: accounts.household(other.token).unlock(profile.id, pin="1234")), Forbidden)


def test_a_forgotten_pin_gives_way_to_the_accounts_password(accounts: Accounts, signed: SignIn) -> None:
    profile = accounts.create_profile(signed.member.id, "Maya", pin="1234")
    wrong = refusal(lambda: accounts.household(signed.token).unlock(profile.id, password="not it"))
    assert isinstance(wrong, Forbidden)
    accounts.household(signed.token).unlock(profile.id, password=PASSWORD)
    accounts.household(signed.token).change(profile.id, pin=None)
    accounts.household(signed.token).open(profile.id)


def test_a_child_without_the_pin_makes_no_profile_above_its_limit(accounts: Accounts, signed: SignIn) -> None:
    parents = accounts.create_profile(signed.member.id, "Parents", pin="1234")
    kids = accounts.create_profile(signed.member.id, "Kids", maturity_limit=7)
    household = accounts.household(signed.token)
    assert (household.limit(), household.limit(kids.id)) == (7, 7)
    assert household.add("Also kids", maturity_limit=7).maturity_limit == 7
    assert isinstance(refusal(lambda: household.add("Not kids")), Forbidden)
    assert isinstance(refusal(lambda: household.change(kids.id, maturity_limit=12)), Forbidden)
    assert household.change(kids.id, name="Small kids", maturity_limit=7).name == "Small kids"
    household.unlock(parents.id, pin="1234")
    unlocked = accounts.household(signed.token)
    assert unlocked.limit() == 18
    assert unlocked.change(kids.id, maturity_limit=12).maturity_limit == 12


def test_deleting_an_unlocked_profile_leaves_the_session_signed_in(accounts: Accounts, signed: SignIn) -> None:
    profile = accounts.create_profile(signed.member.id, "Maya", pin="1234")
    accounts.household(signed.token).unlock(profile.id, pin="1234")
    accounts.household(signed.token).remove(profile.id)
    assert accounts.member_of(signed.token) == signed.member
    assert accounts.household(signed.token).profiles() == []
