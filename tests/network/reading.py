"""Reads the whole event log as a process with a machine's settings does: prints the ids of its events, in order."""

import json
import time

from matinee.compose.database import open_database
from matinee.compose.engines import open_events
from matinee.model.errors import Unavailable
from matinee.settings import read_settings

PATIENCE_SECONDS = 30.0


def main() -> None:
    settings = read_settings()
    log, _ = open_events(settings, open_database(settings.database_url))
    tail, ids = log.tail(), []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            batch = tail.read(1000, wait_seconds=1.0)
        except Unavailable:
            # Servers that were killed or cut off a moment ago choose who leads.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
            continue
        if not batch:
            break
        ids += [recorded.event.id for recorded in batch]
    print(json.dumps(ids))


if __name__ == "__main__":
    main()
