"""The command line: each verb imports only what it needs, so that an edge stays small and ``--help`` stays quick.

Exit codes: 0 done; 1 the work failed, with one sentence on standard error; 2 the command was wrong (click's own).
"""

import atexit
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from matinee.model.errors import MatineeError
from matinee.settings import Settings, read_settings

_PROTOCOL = click.Choice(["leave-one-out", "strong", "prequential"])
_JSON = click.option("--json", "as_json", is_flag=True, help="Report as one line of JSON.")
_FOLDER = click.Path(file_okay=False, path_type=Path)
_SOURCE = click.Path(exists=True, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="matinee")
def matinee() -> None:
    """A streaming service that anyone can run."""
    from matinee.observability import configure

    # What a verb has to say it says itself; the services' own verbs log more.
    configure("matinee", level="warning")


@matinee.command()
@click.option("--films", type=_FOLDER, help="Films of yours; without it, eight drawn ones.")
@click.option(
    "--history", type=click.Path(dir_okay=False, path_type=Path), help="A data set's viewing history to retell."
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8400,
    show_default=True,
    help="Port of the control plane and of every edge.",
)
@click.option("--data", type=_FOLDER, default=Path(".matinee"), show_default=True, help="Where everything is kept.")
@click.option("--check", is_flag=True, help="Play every film through every edge, print one JSON line, exit 0 or 1.")
@click.option("--serve-host", "hosts", multiple=True, hidden=True, help="Loopback address of a copy of serve.")
def demo(
    films: Path | None, history: Path | None, port: int, data: Path, hosts: tuple[str, ...], *, check: bool
) -> None:
    """Run the whole service on this machine: control plane, three edges in three regions, worker.

    Engines are the embedded ones, or those that MATINEE_DATABASE, MATINEE_OBJECTS, MATINEE_EVENTS and MATINEE_COMPUTE
    name.
    """
    from matinee.demo.processes import SERVE_HOST
    from matinee.demo.readiness import demo_check
    from matinee.demo.show import Demo, run_demo

    def say(sentence: str) -> None:
        click.echo(sentence, err=check)

    outcome: dict[str, Any] = {}
    ready = demo_check(say, outcome) if check else None
    well = False
    try:
        well = run_demo(
            Demo(
                data=data,
                port=port,
                films=films,
                say=say,
                ready=ready,
                history=history,
                engines=read_settings(),
                hosts=hosts or (SERVE_HOST,),
            )
        )
    finally:
        if check:
            click.echo(json.dumps(outcome or {"ok": False, "films": 0, "edges": 0, "plays": 0, "seconds": 0}))
    if not well:
        sys.exit(1)


@matinee.command()
@click.argument("source", type=_SOURCE)
@click.option("--output", type=_FOLDER, required=True, help="The folder to fill.")
@click.option("--ladder", type=click.Choice(["fixed"]), default="fixed", show_default=True)
@click.option("--codecs", default="h264", show_default=True, help="Codecs, comma separated.")
@_JSON
def encode(source: Path, output: Path, ladder: str, codecs: str, *, as_json: bool) -> None:
    """Encode one source to a playable folder (manifest.mpd, master.m3u8) with a report.json."""
    from matinee.compose.encode import encode_folder

    if codecs != "h264":
        raise click.BadParameter("only h264 can be made so far", param_hint="--codecs")
    report = encode_folder(source, output, say=None if as_json else click.echo)
    if as_json:
        click.echo(json.dumps(report))
    else:
        click.echo(
            f"{source.name} is playable: {output / 'master.m3u8'} and {output / 'manifest.mpd'} ({ladder} ladder)"
        )


@matinee.command()
@click.argument("paths", nargs=-1, required=True, type=_SOURCE)
@click.option("--title", "name", help="The title's name; without it, the file's.")
@click.option("--kind", type=click.Choice(["film"]), default="film", show_default=True)
@click.option("--data", type=_FOLDER, help="The data folder of the running service; without it, MATINEE_DATA.")
@_JSON
def ingest(paths: tuple[Path, ...], name: str | None, kind: str, data: Path | None, *, as_json: bool) -> None:
    """Put sources into a running service's catalogue; folders are searched for films."""
    from matinee.compose.ingest import ingest_paths

    if name is not None and len(paths) != 1:
        raise click.BadParameter("a name fits one path only", param_hint="--title")
    taken = ingest_paths(_settings(data), paths, name=name, say=lambda sentence: click.echo(sentence, err=True))
    if as_json:
        click.echo(json.dumps({"titles": taken}))
        return
    for title in taken:
        said = "is taken in as" if title["new"] else "was taken in before, as"
        click.echo(f"{title['name']} {said} {kind} {title['id']}{'; it is encoded next' * title['new']}.")


@matinee.command()
def serve() -> None:
    """Run one control plane process, configured by MATINEE_ variables."""
    import uvloop

    from matinee.compose.serve import run_serve

    uvloop.run(run_serve(read_settings()))


@matinee.command()
def edge() -> None:
    """Run one edge, configured by MATINEE_ variables."""
    import uvloop

    from matinee.compose.edge import run_edge

    # Twice the small files per second of asyncio's own loop.
    uvloop.run(run_edge(read_settings()))


@matinee.command()
def worker() -> None:
    """Run one worker, configured by MATINEE_ variables."""
    from matinee.compose.worker import run_worker

    run_worker(read_settings())


@matinee.command()
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@_JSON
def migrate(data: Path | None, *, as_json: bool) -> None:
    """Bring the database's schema to the newest revision."""
    from matinee.compose.database import migrate as bring_up
    from matinee.compose.database import open_database, shown

    settings = _settings(data)
    bring_up(open_database(settings.database_url))
    _report({"database": shown(settings.database_url), "migrated": True}, as_json, "The schema is the newest one.")


@matinee.command()
@click.argument("email")
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@_JSON
def operator(email: str, data: Path | None, *, as_json: bool) -> None:
    """Make an operator's account; the password is the first line of standard input, or is asked for."""
    from matinee.compose.operator import sign_up_operator

    # Never an option: what stands on a command line everybody on the machine can read.
    asked = sys.stdin.isatty()
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True) if asked else sys.stdin.readline()
    member_id = sign_up_operator(_settings(data), email, password.rstrip("\r\n"))
    _report({"id": member_id, "email": email}, as_json, f"{email} may operate the service.")


@matinee.command("join-token")
@click.argument("edge_id")
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@_JSON
def join_token(edge_id: str, data: Path | None, *, as_json: bool) -> None:
    """Make a token that one edge may join with, once, within an hour; the token alone goes to standard output."""
    from matinee.compose.network import known_network

    with known_network(_settings(data)) as network:
        made = network.enrolment.make_token(edge_id)
    facts = {"edge_id": edge_id, "token": made.token, "expires_at": made.expires_at.isoformat()}
    _report(facts, as_json, made.token)


@matinee.command("rotate-keys")
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@click.option("--at-once", is_flag=True, help="The old ones open nothing in six seconds: somebody may know them.")
@_JSON
def rotate_keys(data: Path | None, *, at_once: bool, as_json: bool) -> None:
    """Publish a new key for media tokens; it signs in half a minute, and the old ones end with their last token."""
    from matinee.compose.network import known_network

    with known_network(_settings(data)) as network:
        key_id = network.keys.rotate(at_once=at_once)
    _report({"key_id": key_id}, as_json, f"{key_id} signs in {'three seconds' if at_once else 'half a minute'}.")


@matinee.command("revoke-edge")
@click.argument("edge_id")
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@_JSON
def revoke_edge(edge_id: str, data: Path | None, *, as_json: bool) -> None:
    """Take an edge's word no longer, and replace the keys it knows."""
    from matinee.compose.network import known_network

    with known_network(_settings(data)) as network:
        network.enrolment.revoke(edge_id)
        key_id = network.keys.rotate()
    facts = {"edge_id": edge_id, "key_id": key_id}
    _report(facts, as_json, f"Edge {edge_id} is revoked; {key_id} signs in half a minute.")


@matinee.command()
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@_JSON
def doctor(data: Path | None, *, as_json: bool) -> None:
    """Ask every part how it is: one line each, with its address, and why if it does not answer."""
    from matinee.compose.doctor import examine

    findings = examine(_settings(data))
    if as_json:
        click.echo(json.dumps({"ok": all(part.ok for part in findings), "parts": [asdict(part) for part in findings]}))
    else:
        for part in findings:
            took = "" if part.milliseconds is None else f", {part.milliseconds:.0f} ms"
            click.echo(f"{'ok ' if part.ok else 'NOT'}  {part.part:<11}  {part.address:<44}  {part.says}{took}")
    if not all(part.ok for part in findings):
        sys.exit(1)


@matinee.command()
@click.option("--rollback", is_flag=True, help="Take the ranker in force back: the one before it ranks again.")
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@_JSON
def train(data: Path | None, *, rollback: bool, as_json: bool) -> None:
    """Teach a ranker from the event log, and let it in unless it is worse than the one in force."""
    from matinee.compose.train import train_ranker

    facts = train_ranker(_settings(data), rollback=rollback)
    _report(facts, as_json, facts["sentence"])


@matinee.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--protocol", type=_PROTOCOL, default="leave-one-out", show_default=True)
@click.option("--model", "models", multiple=True, help="A model to ask, again for each; without it, all.")
@click.option("--min-rating", type=float, help="Leave out what is rated lower; under strong it is 4 if not said.")
@_JSON
def evaluate(dataset: Path, protocol: str, models: tuple[str, ...], min_rating: float | None, *, as_json: bool) -> None:
    """Measure the recommender's models on a public data set: a file or a folder, in any published form."""
    from matinee.compose.evaluate import evaluate_dataset, table

    found = evaluate_dataset(dataset, protocol, models, min_rating, lambda said: click.echo(said, err=True))
    click.echo(json.dumps(found) if as_json else table(found))


@matinee.group()
def why() -> None:
    """Replay a recorded decision and say its reasons."""


@why.command("playback")
@click.argument("playback_id")
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@_JSON
def why_playback(playback_id: str, data: Path | None, *, as_json: bool) -> None:
    """Say why a playback was given its edges, in their order."""
    from matinee.compose.why import why_playback as replay

    decision = replay(_settings(data), playback_id)
    if as_json:
        click.echo(json.dumps(decision))
        return
    click.echo(f"{decision['title_id']} for a viewer in {decision['region']}, at {decision['time']}:")
    for place, ranked in enumerate(decision["edges"], start=1):
        click.echo(f"  {place}. {ranked['id']}: {ranked['reason']}")


@why.command("file")
@click.argument("edge_id", metavar="EDGE")
@click.argument("path", metavar="FILE")
@click.option("--data", type=_FOLDER, help="The data folder; without it, MATINEE_DATA.")
@_JSON
def why_file(edge_id: str, path: str, data: Path | None, *, as_json: bool) -> None:
    """Say why an edge holds a file (TITLE/REVISION/NAME), or does not."""
    from matinee.compose.file_reasons import why_file as reasons
    from matinee.compose.network import known_network

    with known_network(_settings(data)) as network:
        found = reasons(network, edge_id, path)
    _report(asdict(found), as_json, "\n".join(found.reasons))


@matinee.command()
@click.option("--experiment", required=True, help="Its id, as the studio's address has it.")
@click.option("--members", type=click.IntRange(1, 100_000), default=300, show_default=True, help="Made-up profiles.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed is the same people.")
@click.option(
    "--lift", "lifts", multiple=True, metavar="ARM=PART", help="The truth: fresh=0.5 watches half as much more."
)
@click.option("--address", default="http://127.0.0.1:8400", show_default=True, help="Where the service answers.")
@click.option("--operator", default="operator@matinee.example", show_default=True, help="Who feeds it.")
@_JSON
def audience(*, as_json: bool, **asked: Any) -> None:
    """Feed a running experiment with a generated audience, whose truth you choose; the studio labels it so.

    The operator's password is the first line of standard input, or is asked for.
    """
    from matinee.demo.audience import feed_experiment

    hidden = click.prompt("Password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    fed = feed_experiment(**asked, password=hidden, say=lambda sentence: click.echo(sentence, err=True))
    _report(asdict(fed), as_json, f"{sum(fed.profiles.values())} profiles began {fed.plays} plays.")


@matinee.command()
@click.argument("folder", type=_FOLDER)
def docs(folder: Path) -> None:
    """Write what is generated of the documentation: the configuration's page."""
    from matinee.compose.configuration import configuration_page

    (folder / "configuration.md").write_text(configuration_page())


def _settings(data: Path | None) -> Settings:
    settings = read_settings()
    return settings if data is None else replace(settings, data=data)


def _report(facts: Mapping[str, Any], as_json: bool, sentence: str) -> None:
    click.echo(json.dumps(facts) if as_json else sentence)


class _Ending:
    """Ends the process after everything else has ended, without taking the interpreter down.

    obstore's threads may still report an asynchronous call; a third of short processes that S3 had answered so died of
    it (SIGABRT) while Python was being taken down.
    """

    def __init__(self) -> None:
        self.code = 1  # an error that nobody expected has told its story already
        self._process = os.getpid()
        # What was registered first runs last.
        atexit.register(self._leave)

    def _leave(self) -> None:
        if os.getpid() != self._process:
            return  # a forked child ends its own way
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(self.code)


def main() -> None:
    """The entry point: errors of ours are one sentence on standard error."""
    ending = _Ending()
    ending.code = _run()
    sys.exit(ending.code)


def _run() -> int:
    try:
        matinee(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except (MatineeError, OSError) as error:
        click.echo(f"matinee: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    main()
