"""What browsers say of the devices they run on."""

import pytest

from matinee.model.devices import DeviceKind, device_kind

_MOZILLA = "Mozilla/5.0"


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (f"{_MOZILLA} (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Mobile/15E148 Safari/604", "phone"),
        (f"{_MOZILLA} (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "phone"),
        (f"{_MOZILLA} (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", "phone"),
        (f"{_MOZILLA} (Linux; Android 13; SM-X900) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "tablet"),
        (f"{_MOZILLA} (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605 Version/16.6 Mobile/15E148", "tablet"),
        (f"{_MOZILLA} (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", "computer"),
        (f"{_MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/17.4 Safari/605", "computer"),
        (f"{_MOZILLA} (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/126.0 Safari/537.36", "computer"),
        (f"{_MOZILLA} (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "computer"),
        (f"{_MOZILLA} (SMART-TV; LINUX; Tizen 7.0) AppleWebKit/537.36 Version/7.0 TV Safari/537.36", "television"),
        (f"{_MOZILLA} (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/94.0 Safari/537.36", "television"),
        (f"{_MOZILLA} (Linux; Android 12; BRAVIA 4K VH2) AppleWebKit/537.36 Chrome/109.0", "television"),
        (f"{_MOZILLA} (Linux; Android 9; AFTKA) AppleWebKit/537.36 Silk/120.3 Chrome/120.0", "television"),
        ("python-httpx/0.28.1", None),
        ("", None),
    ],
)
def test_four_kinds_are_told_apart(agent: str, kind: str | None) -> None:
    assert device_kind(agent) == (None if kind is None else DeviceKind(kind))
