"""Verbs of what is learned and tried: teach a ranker, measure models, feed an experiment."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from matinee.cli.options import DATA, JSON, report, settings_of

_PROTOCOL = click.Choice(["leave-one-out", "strong", "prequential"])


@click.command()
@click.option("--rollback", is_flag=True, help="Take the ranker in force back, and let no new one in until --on.")
@click.option("--on/--off", "let_in", default=None, help="Whether a new ranker is let in at all; nothing is taught.")
@DATA
@JSON
def train(data: Path | None, *, rollback: bool, let_in: bool | None, as_json: bool) -> None:
    """Teach a ranker from the event log, and let it in unless it is worse than the one in force."""
    from matinee.compose import train as training

    settings = settings_of(data)
    if rollback and let_in is not None:
        raise click.UsageError("Take a ranker back, or switch: one at a time.")
    if rollback:
        facts = training.roll_back(settings)
    elif let_in is not None:
        facts = training.let_in(settings, on=let_in)
    else:
        facts = training.train_ranker(settings)
    report(facts, as_json, facts["sentence"])


@click.command()
@click.argument("candidate")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="A day of the log, in UTC; without it, yesterday.")
@DATA
@JSON
def shadow(candidate: str, day: datetime | None, data: Path | None, *, as_json: bool) -> None:
    """Show what a day's log would have been under a CANDIDATE ranker, before it is let in.

    CANDIDATE is candidate (what was taught last, let in or not), a version, formula or trending.
    """
    from matinee.compose.train import shadow_day, shadow_lines

    found = shadow_day(settings_of(data), candidate, day.strftime("%Y-%m-%d") if day else None)
    facts = asdict(found) | {"difference": found.shadow.difference}
    report(facts, as_json, "\n".join(shadow_lines(found)))


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--protocol", type=_PROTOCOL, default="leave-one-out", show_default=True)
@click.option("--model", "models", multiple=True, help="A model to ask, again for each; without it, all.")
@click.option("--min-rating", type=float, help="Leave out what is rated lower; under strong it is 4 if not said.")
@JSON
def evaluate(dataset: Path, protocol: str, models: tuple[str, ...], min_rating: float | None, *, as_json: bool) -> None:
    """Measure the recommender's models on a public data set: a file or a folder, in any published form."""
    from matinee.compose.evaluate import evaluate_dataset, table

    found = evaluate_dataset(dataset, protocol, models, min_rating, lambda said: click.echo(said, err=True))
    click.echo(json.dumps(found) if as_json else table(found))


@click.command()
@click.option("--experiment", required=True, help="Its id, as the studio's address has it.")
@click.option("--members", type=click.IntRange(1, 100_000), default=300, show_default=True, help="Made-up profiles.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed is the same people.")
@click.option(
    "--lift", "lifts", multiple=True, metavar="ARM=PART", help="The truth: fresh=0.5 watches half as much more."
)
@click.option("--address", default="http://127.0.0.1:8400", show_default=True, help="Where the service answers.")
@click.option("--operator", default="operator@matinee.example", show_default=True, help="Who feeds it.")
@JSON
def audience(*, as_json: bool, **asked: Any) -> None:
    """Feed a running experiment with a generated audience, whose truth you choose; the studio labels it so.

    The operator's password is the first line of standard input, or is asked for.
    """
    from matinee.demo.audience import feed_experiment

    hidden = click.prompt("Password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    fed = feed_experiment(**asked, password=hidden, say=lambda sentence: click.echo(sentence, err=True))
    report(asdict(fed), as_json, f"{sum(fed.profiles.values())} profiles began {fed.plays} plays.")
