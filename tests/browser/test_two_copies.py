"""Two copies of ``serve``: a play in one changes the page of the other, which says why; a button makes both forget."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import DESKTOP, LONG
from browser.test_failover import sign_in
from foreign_players import fresh_page
from running_demo import RunningDemo, free_port, until

PROFILE = "Iris"


@pytest.fixture
def copy(demo: RunningDemo, tmp_path: Path) -> Iterator[str]:
    """The address of another ``matinee serve`` beside the demo's, over the same database, objects and keys."""
    port = free_port()
    environment = demo.processes()["serve"].environ() | {"MATINEE_PORT": str(port), "PATH": os.environ["PATH"]}
    with (tmp_path / "copy.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "matinee.cli", "serve"], env=environment, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "copy.log").read_text()
        with suppress(httpx.HTTPError):
            return httpx.get(f"{address}/readyz", timeout=10).is_success
        return False

    try:
        until("the other copy", answers, 120)
        yield address
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def page(browser: Browser, demo: RunningDemo) -> Iterator[Page]:
    """A browser of a profile that nobody else's test watches with."""
    with demo.client() as client:
        client.post("/profiles", json={"name": PROFILE, "maturity_limit": 18}).raise_for_status()
        page = fresh_page(browser, viewport=DESKTOP)
        sign_in(page, demo, PROFILE)
        yield page
        page.context.close()
        [mine] = [one["id"] for one in client.get("/profiles").json()["profiles"] if one["name"] == PROFILE]
        client.delete(f"/profiles/{mine}").raise_for_status()


def rows(page: Page, address: str) -> list[str]:
    """The names of a copy's rows. Cookies know no port: who is signed in at one copy is at the other."""
    page.goto(f"{address}/")
    return page.get_by_role("heading", level=2).all_inner_texts()


def test_a_play_changes_both_copies_pages_and_forgetting_empties_both(demo: RunningDemo, copy: str, page: Page) -> None:
    because = f"Because you watched {LONG}"
    for address in (demo.address, copy):
        assert not {because, "Continue watching"} & set(rows(page, address))
    page.goto(f"{demo.address}/")
    page.get_by_role("link", name=LONG).first.click()
    page.get_by_role("link", name="Play").first.click()
    page.wait_for_url(f"{demo.address}/watch/*")
    page.evaluate("() => { const v = document.querySelector('video'); v.muted = true; v.play().catch(() => 0); }")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 6")
    with page.expect_response(lambda answer: answer.url.endswith("/api/v1/events") and answer.status == 202):
        pass
    for address in (copy, demo.address):
        assert {because, "Continue watching"} <= set(rows(page, address)), address
        row = page.get_by_role("region", name=because)
        expect(row.locator(".row-reason")).to_have_text("shares Roads with it")

    page.goto(f"{copy}/history")
    expect(page.get_by_role("link", name=LONG).first).to_be_visible()
    page.get_by_role("link", name="Forget").first.click()
    page.get_by_role("button", name="Forget it").click()
    page.wait_for_url(f"{copy}/history")
    for address in (copy, demo.address):
        assert not {because, "Continue watching"} & set(rows(page, address)), address
        page.goto(f"{address}/history")
        expect(page.get_by_role("link", name=LONG)).to_have_count(0)
