"""What kinds of devices people watch on, as browsers tell.

No parser of versions is needed for four kinds: a browser on a telephone says ``Mobi`` (MDN, "Browser detection using
the user agent"), televisions name their system, and what is left is a tablet or a computer.
"""

from enum import StrEnum


class DeviceKind(StrEnum):
    """By how it is held and looked at."""

    PHONE = "phone"
    TABLET = "tablet"
    COMPUTER = "computer"
    TELEVISION = "television"


# Systems, makers and boxes, as words of user agents have them.
_TELEVISIONS = (
    "smart-tv smarttv appletv googletv hbbtv tizen web0s webos bravia roku aftb aftk aftm aftr aftt crkey netcast "
    "viera playstation xbox"
)

DEVICE_KIND = "device"
"""Under which name a playback's device says its kind."""

_SIGNS = (
    (DeviceKind.TELEVISION, tuple(_TELEVISIONS.split())),
    (DeviceKind.TABLET, ("ipad", "tablet", "kindle", "silk/")),
    (DeviceKind.PHONE, ("mobi", "iphone", "ipod")),
    # An Android that does not say that it is a telephone is none.
    (DeviceKind.TABLET, ("android",)),
    (DeviceKind.COMPUTER, ("windows", "macintosh", "x11", "cros", "linux")),
)


def device_kind(agent: str) -> DeviceKind | None:
    """What a ``User-Agent`` (RFC 9110 §10.1.5) comes from; None if it does not tell."""
    words = agent.lower()
    return next((kind for kind, signs in _SIGNS if any(sign in words for sign in signs)), None)
