"""Appends events to the log at an address as a process of an edge site does: prints the ids that were accepted.

``python -m tests.network.appending SOURCE COUNT FILE AUTHORITIES``: FILE holds the address, with its password.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from matinee.adapters.events_jetstream import Address, JetStreamEventLog, Keeping
from matinee.model.events import Event, SearchMade

STREAM_BYTES = 256 * 1024**2
TOGETHER = 5


def main() -> None:
    source, count, file, authorities = sys.argv[1:]
    address = Address.read(Path(file).read_text().strip())
    log = JetStreamEventLog(address, authorities=Path(authorities), keeping=Keeping(1, stream_bytes=STREAM_BYTES))
    facts = SearchMade(profile_id=source, query="film", found=0)
    made = [Event(f"{source}-{number}", datetime.now(UTC), source, facts) for number in range(int(count))]
    for first in range(0, len(made), TOGETHER):
        log.append(made[first : first + TOGETHER])
    log.close()
    print(json.dumps([event.id for event in made]))


if __name__ == "__main__":
    main()
