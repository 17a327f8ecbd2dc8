"""Verbs of the network: edges that join or leave, and the keys of media tokens."""

from pathlib import Path

import click

from matinee.cli.options import DATA, JSON, report, settings_of


@click.command("join-token")
@click.argument("edge_id")
@DATA
@JSON
def join_token(edge_id: str, data: Path | None, *, as_json: bool) -> None:
    """Make a token that one edge may join with, once, within an hour; the token alone goes to standard output."""
    from matinee.compose.network import known_network

    with known_network(settings_of(data)) as network:
        made = network.enrolment.make_token(edge_id)
    facts = {"edge_id": edge_id, "token": made.token, "expires_at": made.expires_at.isoformat()}
    report(facts, as_json, made.token)


@click.command("rotate-keys")
@DATA
@click.option("--at-once", is_flag=True, help="The old ones open nothing in six seconds: somebody may know them.")
@JSON
def rotate_keys(data: Path | None, *, at_once: bool, as_json: bool) -> None:
    """Publish a new key for media tokens; it signs in half a minute, and the old ones end with their last token."""
    from matinee.compose.network import known_network

    with known_network(settings_of(data)) as network:
        key_id = network.keys.rotate(at_once=at_once)
    report({"key_id": key_id}, as_json, f"{key_id} signs in {'three seconds' if at_once else 'half a minute'}.")


@click.command("revoke-edge")
@click.argument("edge_id")
@DATA
@JSON
def revoke_edge(edge_id: str, data: Path | None, *, as_json: bool) -> None:
    """Take an edge's word no longer, and replace the keys it knows."""
    from matinee.compose.network import known_network

    with known_network(settings_of(data)) as network:
        network.enrolment.revoke(edge_id)
        key_id = network.keys.rotate()
    facts = {"edge_id": edge_id, "key_id": key_id}
    report(facts, as_json, f"Edge {edge_id} is revoked; {key_id} signs in half a minute.")
