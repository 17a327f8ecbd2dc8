"""Who asks: what a request's headers and cookies say of its sender, for the API and the web alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from matinee.accounts.members import Household, Member, Profile
from matinee.model.errors import CallerError, SignInRequired
from matinee.model.topology import Region

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

SESSION_COOKIE = "matinee_session"
PROFILE_COOKIE = "matinee_profile"
REGION_COOKIE = "matinee_region"

_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}  # RFC 9110 §9.2.1


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, which profile watches, and where from.

    ``profile`` is None until one is chosen, and while the chosen one is locked by its PIN. ``household`` answers what
    this session may do with the member's profiles.
    """

    member: Member
    profile: Profile | None
    region: Region
    token: str
    household: Household


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of an ``Authorization: Bearer`` header (RFC 6750 §2.1)."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def token_from(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str | None:
    """The session token of a request: its bearer's if it has one, else its cookie's. Header names in lower case."""
    return bearer_token(headers) or cookies.get(SESSION_COOKIE)


def same_origin(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request that a cookie speaks for may be believed: nobody else's page made the browser send it.

    Reading is harmless. Else the browser must say that our own page or the user asked (``Sec-Fetch-Site``), or, as it
    keeps silent over plain HTTP, that the page's origin is the host asked (``Origin``).
    """
    if method.upper() in _SAFE:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    # RFC 6454 §6.2: an origin is "scheme://host" or "scheme://host:port" and nothing after it, or "null".
    _, _, origin = headers.get("origin", "").partition("://")
    return bool(origin) and origin.lower() == headers.get("host", "").lower()


def session_cookie(token: str, lasts: timedelta, *, https: bool) -> dict[str, Any]:
    """The session's cookie, as keyword arguments of ``Response.set_cookie``: scripts cannot read it."""
    # Max-Age and not Expires: a browser's clock may be wrong.
    return {"key": SESSION_COOKIE, "value": token, "max_age": int(lasts.total_seconds()), **_cookie(https=https)}


def ended_cookie(*, https: bool) -> dict[str, Any]:
    """What takes the session's cookie away, as keyword arguments of ``Response.delete_cookie``."""
    return {"key": SESSION_COOKIE, **_cookie(https=https)}


def visitor(
    rooms: "Rooms", headers: Mapping[str, str], cookies: Mapping[str, str], address: str | None = None
) -> Visitor:
    """Who sent a request from an IP address. SignInRequired if nobody is signed in."""
    token = token_from(headers, cookies)
    if token is None:
        raise SignInRequired("Nobody is signed in here: sign in first.")
    household = rooms.accounts.household(token)
    return Visitor(
        member=household.member,
        profile=_chosen(household, cookies.get(PROFILE_COOKIE)),
        region=rooms.topology.viewer_region(address, [cookies.get(REGION_COOKIE)], trusted=rooms.trust_region),
        token=token,
        household=household,
    )


def _chosen(household: Household, profile_id: str | None) -> Profile | None:
    if profile_id is None:
        return None
    try:
        return household.open(profile_id)
    except CallerError:  # deleted, another member's, or locked: who watches is to be chosen again
        return None


def _cookie(*, https: bool) -> dict[str, Any]:
    # Lax: a link from elsewhere finds the member signed in, a form or script there does not (RFC 6265bis §5.6.7).
    return {"path": "/", "httponly": True, "samesite": "lax", "secure": https}
