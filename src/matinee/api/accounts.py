"""Accounts and sessions over HTTP."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from matinee.accounts.members import Allowance, Member, Role
from matinee.api.authentication import request_token, signed_in
from matinee.pages.visitor import ended_cookie, session_cookie

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 16 * 1024
_LONGEST_NAME = 40


class Credentials(BaseModel):
    """What a member signs up or in with."""

    email: str
    password: str


class AccountBody(BaseModel):
    """An account as its member sees it."""

    id: str
    email: str
    role: Role
    created_at: datetime


class SignInBody(BaseModel):
    """A sign-in: the token is for ``Authorization: Bearer``; browsers get it as a cookie as well."""

    token: str
    expires_at: datetime


class SessionBody(BaseModel):
    """A device that is signed in; ``current`` is the one that asks."""

    id: str
    device: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool


class SessionsBody(BaseModel):
    """Sessions, newest first."""

    sessions: list[SessionBody]


def routes(rooms: "Rooms") -> APIRouter:
    """Sign up, in and out; the devices signed in."""
    router = APIRouter(tags=["accounts"], max_body_size=_MOST_BYTES)
    Caller = Annotated[Member, Depends(signed_in(rooms))]  # noqa: N806 - a type, made of this service's rooms

    @router.post("/accounts", status_code=201)
    def sign_up(credentials: Credentials, request: Request) -> AccountBody:
        """Sign up. The account begins with one profile, named after the e-mail address. 429 too often from a place."""
        rooms.accounts.allow_from(Allowance.SIGN_INS, request.client.host if request.client else None)
        member = rooms.accounts.sign_up(credentials.email, credentials.password)
        rooms.accounts.create_profile(member.id, member.email.split("@")[0][:_LONGEST_NAME])
        return AccountBody(id=member.id, email=member.email, role=member.role, created_at=member.created_at)

    # No check of the origin here: no cookie speaks for the caller yet, and a page of another site cannot send JSON
    # without asking first, to which nobody answers (Fetch Standard §3.3.3, CORS-preflight).
    @router.post("/sessions", status_code=201)
    def sign_in(credentials: Credentials, request: Request, response: Response) -> SignInBody:
        """Sign in. 401 in the same words for an unknown address and a wrong password; 429 after too many wrong ones."""
        rooms.accounts.allow_from(Allowance.SIGN_INS, request.client.host if request.client else None)
        device = request.headers.get("user-agent", "")
        signed = rooms.accounts.sign_in(credentials.email, credentials.password, device)
        https = request.url.scheme == "https"
        lasts = signed.expires_at - rooms.clock.now()
        response.set_cookie(**session_cookie(signed.token, lasts, https=https))
        response.headers["Cache-Control"] = "no-store"
        return SignInBody(token=signed.token, expires_at=signed.expires_at)

    @router.get("/sessions")
    def list_sessions(member: Caller, request: Request) -> SessionsBody:
        """Where the member is signed in, newest first."""
        found = rooms.accounts.sessions(member.id, request_token(request))
        return SessionsBody(sessions=[SessionBody(**asdict(session)) for session in found])

    @router.delete("/sessions/current", status_code=204)
    def sign_out(_: Caller, request: Request, response: Response) -> None:
        """Sign out here, and end what plays here."""
        if (ended := rooms.accounts.sign_out(request_token(request))) is not None:
            member_id, session_id = ended
            rooms.playbacks.revoke_all(member_id, by=member_id, session_id=session_id)
        response.delete_cookie(**ended_cookie(https=request.url.scheme == "https"))

    @router.delete("/sessions", status_code=204)
    def sign_out_everywhere(member: Caller, request: Request, response: Response) -> None:
        """Sign every device out, this one too, and end what plays on them: a lost television stops within seconds."""
        rooms.accounts.end_sessions(member.id)
        # Sessions first: who is signed out cannot press play again once this is done.
        rooms.playbacks.revoke_all(member.id, by=member.id)
        response.delete_cookie(**ended_cookie(https=request.url.scheme == "https"))

    @router.delete("/sessions/{session_id}", status_code=204)
    def end_session(session_id: str, member: Caller) -> None:
        """Sign another device out, and end what it plays: it stops within seconds."""
        rooms.accounts.end_session(member.id, session_id)
        rooms.playbacks.revoke_all(member.id, by=member.id, session_id=session_id)

    return router
