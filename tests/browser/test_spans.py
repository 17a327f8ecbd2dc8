"""What an operator says may be skipped is offered to who watches, and skipped with one press."""

from playwright.sync_api import Page, expect

from browser.conftest import LONG, LONG_SECONDS
from browser.test_failover import sign_in
from running_demo import OPERATOR, RunningDemo


def test_an_intro_is_skipped_and_the_credits_that_end_the_film_are_not_offered(
    demo: RunningDemo, page: Page, bystander: str
) -> None:
    with demo.client(OPERATOR) as client:
        title = next(entry["id"] for entry in demo.titles(client) if entry["name"] == LONG)
        path = f"/studio/titles/{title}/spans"
        for kind, start, end in (("intro", 1.5, 60.0), ("credits", 90.0, float(LONG_SECONDS))):
            asked = {"kind": kind, "start_seconds": start, "end_seconds": end}
            client.post(path, json=asked).raise_for_status()
    try:
        sign_in(page, demo, bystander)
        page.goto(f"{demo.address}/watch/{title}?start=0")
        skip = page.get_by_role("button", name="Skip intro")
        expect(skip).to_be_hidden()
        page.wait_for_function("() => document.querySelector('video')?.currentTime > 1.5")
        skip.click()
        page.wait_for_function("() => document.querySelector('video')?.currentTime >= 60")
        expect(skip).to_be_hidden()
        page.evaluate("() => { document.querySelector('video').currentTime = 92; }")
        page.wait_for_function("() => document.querySelector('video')?.currentTime > 92.5")
        expect(page.locator("#pass")).to_be_hidden()
    finally:
        with demo.client(OPERATOR) as client:
            client.delete(path).raise_for_status()
