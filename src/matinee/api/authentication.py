"""Who may call: dependencies that turn a request's token into the member it stands for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import Request

from matinee.accounts.members import Household, Member, Role
from matinee.model.errors import Forbidden, SignInRequired
from matinee.model.topology import Region
from matinee.pages.visitor import REGION_COOKIE, bearer_token, same_origin, token_from

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms


def request_token(request: Request) -> str:
    """The session token a request carries.

    SignInRequired without one. Forbidden if it comes in a cookie and another site's page may have sent it: a bearer
    token is put there by the caller's own code, a cookie by the browser whoever asks.
    """
    token = token_from(request.headers, request.cookies)
    if token is None:
        raise SignInRequired("Nobody is signed in here: sign in first.")
    if bearer_token(request.headers) is None and not same_origin(request.method, request.headers):
        raise Forbidden(
            "Nothing shows that our own page sent this request, so the cookie that came with it does not count."
        )
    return token


def household(rooms: "Rooms") -> Callable[[Request], Household]:
    """A dependency that gives the signed-in member's household as their session may use it."""

    def dependency(request: Request) -> Household:
        return rooms.accounts.household(request_token(request))

    return dependency


def viewer_region(rooms: "Rooms") -> Callable[[Request], Region]:
    """A dependency that gives the region a request comes from."""

    def dependency(request: Request) -> Region:
        address = request.client.host if request.client else None
        claims = [request.cookies.get(REGION_COOKIE)]
        return rooms.topology.viewer_region(address, claims, trusted=rooms.trust_region)

    return dependency


def signed_in(rooms: "Rooms") -> Callable[[Request], Member]:
    """A dependency that gives the signed-in member."""

    def dependency(request: Request) -> Member:
        return rooms.accounts.member_of(request_token(request))

    return dependency


def operator(rooms: "Rooms") -> Callable[[Request], Member]:
    """A dependency that gives the signed-in operator; Forbidden for other members."""

    def dependency(request: Request) -> Member:
        member = rooms.accounts.member_of(request_token(request))
        if member.role is not Role.OPERATOR:
            raise Forbidden("This is for operators of the service.")
        return member

    return dependency
