"""``matinee why``: a recorded decision is made again, and says its reasons."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from matinee.cli.options import DATA, JSON, report, settings_of


@click.group()
def why() -> None:
    """Replay a recorded decision and say its reasons."""


@why.command("playback")
@click.argument("playback_id")
@DATA
@JSON
def why_playback(playback_id: str, data: Path | None, *, as_json: bool) -> None:
    """Say why a playback was given its edges, in their order."""
    from matinee.compose.why import why_playback as replay

    decision = replay(settings_of(data), playback_id)
    if as_json:
        click.echo(json.dumps(decision))
        return
    click.echo(f"{decision['title_id']} for a viewer in {decision['region']}, at {decision['time']}:")
    for place, ranked in enumerate(decision["edges"], start=1):
        click.echo(f"  {place}. {ranked['id']}: {ranked['reason']}")


@why.command("file")
@click.argument("edge_id", metavar="EDGE")
@click.argument("path", metavar="FILE")
@DATA
@JSON
def why_file(edge_id: str, path: str, data: Path | None, *, as_json: bool) -> None:
    """Say why an edge holds a file (TITLE/REVISION/NAME), or does not."""
    from matinee.compose.file_reasons import why_file as reasons
    from matinee.compose.network import known_network

    with known_network(settings_of(data)) as network:
        found = reasons(network, edge_id, path)
    report(asdict(found), as_json, "\n".join(found.reasons))


@why.command("row")
@click.argument("profile_id", metavar="PROFILE")
@click.argument("row_id", metavar="ROW")
@click.option("--page", "page_id", help="A page by its id; without it, the last one that had the row.")
@DATA
@JSON
def why_row(profile_id: str, row_id: str, page_id: str | None, data: Path | None, *, as_json: bool) -> None:
    """Make a row of a page again as it was shown (ROW is for-you, trending, because:TITLE …), and say why."""
    from matinee.compose.why import row_lines
    from matinee.compose.why import why_row as retell

    found = retell(settings_of(data), profile_id, row_id, page_id)
    report(found, as_json, "\n".join(row_lines(found)))
