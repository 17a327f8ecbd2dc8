"""When edges fill ahead, as an operator writes it. Pure."""

from matinee.model.errors import Invalid
from matinee.model.plans import FillWindow

_HOURS = 24.0


def read_window(hours: str, limit_bps: int) -> FillWindow:
    """Out of settings: ``FROM-TO`` in hours of the day (UTC), empty for all of them, and bit/s, 0 for no limit.

    Invalid, with the text, for anything else.
    """
    opens, dash, closes = hours.partition("-")
    if not hours:
        return FillWindow(limit_bps=limit_bps or None)
    try:
        window = FillWindow(float(opens), float(closes), limit_bps or None)
    except ValueError as error:
        raise Invalid(f"The hours {hours!r} in which edges are to fill ahead are not FROM-TO, as 1-6.5.") from error
    # Written so that NaN fails too.
    if not (dash and 0 <= window.opens_hour <= _HOURS and 0 <= window.closes_hour <= _HOURS):
        raise Invalid(f"The hours {hours!r} in which edges are to fill ahead do not lie between 0 and 24.")
    return window
