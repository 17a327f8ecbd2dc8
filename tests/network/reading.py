"""Reads the whole event log as a process with a machine's settings does: prints the ids of its events, in order."""

import json

from matinee.compose.database import open_database
from matinee.compose.engines import open_events
from matinee.settings import read_settings


def main() -> None:
    settings = read_settings()
    log, _ = open_events(settings, open_database(settings.database_url))
    tail, ids = log.tail(), []
    while batch := tail.read(1000, wait_seconds=2.0):
        ids += [recorded.event.id for recorded in batch]
    print(json.dumps(ids))


if __name__ == "__main__":
    main()
