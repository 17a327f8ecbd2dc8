"""Says what is expected to be played, for placement: one event a region, whenever the recommender is renewed."""

from datetime import datetime

import structlog

from matinee.model.events import DemandExpected, Event
from matinee.ports import EventLog
from matinee.taste.forecast import forecast
from matinee.taste.knowledge import Knowledge

PERIOD_SECONDS = 900.0
"""Within one such period a region is told of once, however many workers try."""

_log = structlog.get_logger()
_SOURCE = "recommender"


class Forecasting:
    """Tells the log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def tell(self, knowledge: Knowledge, now: datetime) -> int:
        """Say what is expected of every region; of how many. Unavailable if the log does not answer."""
        period = int(now.timestamp() // PERIOD_SECONDS)
        told = {region: titles for region, titles in forecast(knowledge, now.timestamp()).items() if titles}
        events = [
            Event(
                id=f"demand-{region}-{period}",
                time=now,
                source=_SOURCE,
                facts=DemandExpected(
                    region,
                    now.timestamp(),
                    hour={title_id: round(one.hour, 5) for title_id, one in titles.items()},
                    day={title_id: round(one.day, 4) for title_id, one in titles.items()},
                ),
            )
            for region, titles in told.items()
        ]
        if events:
            self._log.append(events)
            _log.info("demand.told", regions=len(events), titles=sum(map(len, told.values())))
        return len(events)
