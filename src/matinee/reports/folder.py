"""What ``report.json`` of a folder says that was filled without a service."""

import json
from dataclasses import asdict
from typing import Any

from matinee.encoding.orders import Produced
from matinee.packaging.protection import Protection
from matinee.reports.making import report_of
from matinee.reports.report import report_to_json


def folder_report(produced: Produced, protection: Protection | None) -> dict[str, Any]:
    """Values that JSON can hold; of a key no more than its name."""
    presentation, film = produced.presentation, produced.film
    return {
        "source": asdict(film.source),
        "encryption": protection and {"scheme": protection.scheme, "key_id": protection.content_key.key_id},
        "frames": produced.finished[0].frames,
        "duration_seconds": presentation.duration_seconds,
        "notes": [*film.notes, *(note for finished in produced.finished for note in finished.notes)],
        "chapters": [asdict(chapter) for chapter in presentation.chapters],
        "renditions": [asdict(rendition) for rendition in presentation.renditions],
        "size_bytes": presentation.size_bytes,
        "hls": presentation.hls,
        "dash": presentation.dash,
        "poster": presentation.poster,
        "still": presentation.still,
        "thumbnails": presentation.thumbnails,
        "colour": presentation.colour,
        "segment_seconds": produced.ladder.segment_seconds,
        "seconds": dict(produced.seconds),
        "encodes": [asdict(finished) for finished in produced.finished],
        "report": json.loads(report_to_json(report_of(produced))),
    }
