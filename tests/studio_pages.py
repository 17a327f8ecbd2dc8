"""The studio's pages in an operator's browser, for tests that look at them and press their buttons."""

import asyncio
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from matinee.accounts.members import Accounts, Role
from matinee.adapters.clock_system import SystemClock
from matinee.api.application import application
from matinee.compose.database import migrate, open_database
from matinee.compose.serve import wire
from matinee.pages.rooms import Rooms
from matinee.settings import Settings
from matinee.web import application as web

OPERATOR, MEMBER, PASSWORD = "ops@example.com", "maya@example.com", "correct horse"


@dataclass
class Studio:
    """The application, its rooms, and an operator's browser."""

    app: FastAPI
    rooms: Rooms
    cookies: httpx.Cookies

    def ask(self, method: str, path: str, status: int = 200, **options: Any) -> httpx.Response:
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="https://films.test", cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, headers=headers, **options)
                self.cookies = client.cookies
                return answer

        answer = asyncio.run(send())
        assert answer.status_code == status, answer.text
        return answer

    def page(self, path: str) -> str:
        return self.ask("GET", f"/studio{path}").text

    def do(self, path: str, status: int = 303, **form: str) -> httpx.Response:
        return self.ask("POST", f"/studio{path}", status, data=form)

    def enter(self, email: str) -> None:
        self.cookies = httpx.Cookies()
        self.ask("POST", "/signin", 303, data={"email": email, "password": PASSWORD})


def database_of_two(folder: Path) -> bytes:
    """A database with an operator and a member."""
    path = folder / "two.db"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    accounts = Accounts(engine=engine, clock=SystemClock(), random_bytes=secrets.token_bytes, session_seconds=3600)
    accounts.sign_up(OPERATOR, PASSWORD, role=Role.OPERATOR)
    accounts.sign_up(MEMBER, PASSWORD)
    engine.dispose()
    return path.read_bytes()


@contextmanager
def opened(database_bytes: bytes, folder: Path) -> Iterator[Studio]:
    """A service on such a database, and its operator signed in."""
    database = folder / "matinee.db"
    database.write_bytes(database_bytes)
    (folder / "data" / "objects").mkdir(parents=True)
    settings = Settings(
        data=folder / "data",
        database=f"sqlite:///{database}",
        regions="europe=50/8,asia=1/103",
        edge_silence_seconds=3600,  # the edges of these tests say a word once
    )
    rooms, _ = wire(settings)
    app = application(rooms, "test")
    web.install(app, rooms)
    found = Studio(app, rooms, httpx.Cookies())
    found.enter(OPERATOR)
    try:
        yield found
    finally:
        rooms.catalogue._engine.dispose()


def words(page: str) -> str:
    """What a reader sees of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
