"""What a device is called among the sign-ins."""

import pytest

from matinee.web.doors import device_name


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36 Edg/156.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iPhone"),
        (
            "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/156.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.0\n<b>", "curl/8.0 <b>"),
        ("", "An unknown device"),
    ],
)
def test_a_device_is_named_for_people(agent: str, name: str) -> None:
    assert device_name(agent) == name
