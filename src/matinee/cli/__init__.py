"""The command line: each verb imports only what it needs, so that an edge stays small and ``--help`` stays quick.

Exit codes: 0 done; 1 the work failed, with one sentence on standard error; 2 the command was wrong (click's own).
"""

import atexit
import contextlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from matinee.cli.learning import audience, evaluate, shadow, train
from matinee.cli.network import join_token, revoke_edge, rotate_keys
from matinee.cli.options import DATA, FOLDER, JSON, report, settings_of
from matinee.cli.why import why
from matinee.model.errors import MatineeError
from matinee.settings import read_settings

_SOURCE = click.Path(exists=True, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="matinee")
def matinee() -> None:
    """A streaming service that anyone can run."""
    from matinee.observability import configure

    # What a verb has to say it says itself; the services' own verbs log more.
    configure("matinee", level="warning")


@matinee.command()
@click.option("--films", type=FOLDER, help="Films of yours; without it, eight drawn ones.")
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
@click.option("--data", type=FOLDER, default=Path(".matinee"), show_default=True, help="Where everything is kept.")
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
@click.option("--output", type=FOLDER, required=True, help="The folder to fill.")
@click.option(
    "--codecs", default="h264", show_default=True, help="Codecs, comma separated: h264, hevc, av1. h264 is always made."
)
@click.option("--ladder", type=click.Choice(["per-title", "fixed"]), default="per-title", show_default=True)
@click.option("--encrypt", type=click.Choice(["cbcs", "cenc"]), help="Encrypt picture and sound (Common Encryption).")
@click.option("--key", type=_SOURCE, help="The key file; without it OUTPUT.key.json, made where there is none.")
@JSON
def encode(
    source: Path, output: Path, ladder: str, codecs: str, encrypt: str | None, key: Path | None, *, as_json: bool
) -> None:
    """Encode one source to a playable folder (manifest.mpd, master.m3u8) with a report.json."""
    from matinee.compose.encode import encode_folder
    from matinee.ladder.codecs import read_codecs
    from matinee.model.errors import Invalid
    from matinee.packaging.protection import Scheme

    if key and not encrypt:
        raise click.BadParameter("a key is of use with --encrypt alone", param_hint="--key")
    scheme = Scheme(encrypt) if encrypt else None
    try:
        chosen = read_codecs(codecs)
    except Invalid as error:
        raise click.BadParameter(str(error), param_hint="--codecs") from error
    report = encode_folder(
        source, output, ladder=ladder, codecs=chosen, say=None if as_json else click.echo, scheme=scheme, key=key
    )
    if as_json:
        click.echo(json.dumps(report))
    else:
        click.echo(
            f"{source.name} is playable: {output / 'master.m3u8'} and {output / 'manifest.mpd'} ({ladder} ladder)"
        )


@matinee.command()
@click.argument("paths", nargs=-1, required=True, type=_SOURCE)
@click.option("--title", "name", help="The title's name; without it, the file's.")
@click.option("--kind", type=click.Choice(["film", "episode"]), help="What it is; without it, the file's name says.")
@click.option("--series", help="The series of episodes; without it, what stands before S01E02 in a file's name.")
@click.option("--season", type=click.IntRange(0), help="The season; without it, the file's name says.")
@click.option(
    "--episode", type=click.IntRange(0), help="The number within the season; without it, the file's name says."
)
@click.option("--synopsis", default="", help="What it is about.")
@click.option("--year", type=int, help="When it came out; without it, the file's name may say.")
@click.option("--genre", "genres", multiple=True, help="A genre; as often as there are genres.")
@click.option("--mood", "moods", multiple=True, help="A mood; as often as there are moods.")
@click.option("--maturity", type=click.IntRange(0), default=0, show_default=True, help="The age from which.")
@click.option(
    "--territory", "territories", multiple=True, help="A country (PT) where it may be shown; none: everywhere."
)
@click.option("--data", type=FOLDER, help="The data folder of the running service; without it, MATINEE_DATA.")
@JSON
def ingest(
    paths: tuple[Path, ...], name: str | None, kind: str | None, data: Path | None, *, as_json: bool, **told: Any
) -> None:
    """Put sources into a running service's catalogue; folders are searched for films.

    What is named like "Series S01E02 Name" is an episode; its series is made where it is not there yet.
    """
    from matinee.catalogue.titles import TitleKind
    from matinee.compose.ingest import Said, ingest_paths

    single = {"--title": name, "--episode": told["episode"]}
    for option, value in single.items():
        if value is not None and len(paths) != 1:
            raise click.BadParameter("it fits one path only", param_hint=option)
    if kind == "film" and any(told[word] is not None for word in ("series", "season", "episode")):
        raise click.BadParameter("a film has no series, season or episode", param_hint="--kind")
    said = Said(name=name, kind=TitleKind(kind) if kind else None, **told)
    taken = ingest_paths(settings_of(data), paths, said, say=lambda sentence: click.echo(sentence, err=True))
    if as_json:
        click.echo(json.dumps({"titles": taken}))
        return
    for title in taken:
        how = "is taken in as" if title["new"] else "was taken in before, as"
        click.echo(f"{title['name']} {how} {title['kind']} {title['id']}{'; it is encoded next' * title['new']}.")


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
@DATA
@JSON
def migrate(data: Path | None, *, as_json: bool) -> None:
    """Bring the database's schema to the newest revision."""
    from matinee.compose.database import migrate as bring_up
    from matinee.compose.database import open_database, shown

    settings = settings_of(data)
    bring_up(open_database(settings.database_url))
    report({"database": shown(settings.database_url), "migrated": True}, as_json, "The schema is the newest one.")


@matinee.command()
@click.argument("email")
@DATA
@JSON
def operator(email: str, data: Path | None, *, as_json: bool) -> None:
    """Make an operator's account; the password is the first line of standard input, or is asked for."""
    from matinee.compose.operator import sign_up_operator

    # Never an option: what stands on a command line everybody on the machine can read.
    asked = sys.stdin.isatty()
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True) if asked else sys.stdin.readline()
    member_id = sign_up_operator(settings_of(data), email, password.rstrip("\r\n"))
    report({"id": member_id, "email": email}, as_json, f"{email} may operate the service.")


@matinee.command()
@DATA
@JSON
def doctor(data: Path | None, *, as_json: bool) -> None:
    """Ask every part how it is: one line each, with its address, and why if it does not answer."""
    from matinee.compose.doctor import examine

    findings = examine(settings_of(data))
    if as_json:
        click.echo(json.dumps({"ok": all(part.ok for part in findings), "parts": [asdict(part) for part in findings]}))
    else:
        for part in findings:
            took = "" if part.milliseconds is None else f", {part.milliseconds:.0f} ms"
            click.echo(f"{'ok ' if part.ok else 'NOT'}  {part.part:<11}  {part.address:<44}  {part.says}{took}")
    if not all(part.ok for part in findings):
        sys.exit(1)


@matinee.command()
@click.argument("folder", type=FOLDER)
def docs(folder: Path) -> None:
    """Write what is generated of the documentation: the configuration's page."""
    from matinee.compose.configuration import configuration_page

    (folder / "configuration.md").write_text(configuration_page())


for _verb in (audience, evaluate, join_token, revoke_edge, rotate_keys, shadow, train, why):
    matinee.add_command(_verb)


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
