"""Makes the account of somebody who operates the service: the studio is theirs."""

import secrets

from matinee.accounts.members import Accounts, Role
from matinee.adapters.clock_system import SystemClock
from matinee.compose.database import check_schema, open_database
from matinee.settings import Settings


def sign_up_operator(settings: Settings, email: str, password: str) -> str:
    """The new member's id; Conflict if the address has an account, Invalid for a bad address or password."""
    engine = open_database(settings.database_url)
    check_schema(engine)
    accounts = Accounts(
        engine=engine,
        clock=SystemClock(),
        random_bytes=secrets.token_bytes,
        session_seconds=settings.session_seconds,
    )
    member = accounts.sign_up(email, password, role=Role.OPERATOR)
    accounts.create_profile(member.id, "Operator")
    engine.dispose()
    return member.id
