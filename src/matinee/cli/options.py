"""What several verbs ask for, and how they say what they did."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from matinee.settings import Settings, read_settings

FOLDER = click.Path(file_okay=False, path_type=Path)
JSON = click.option("--json", "as_json", is_flag=True, help="Report as one line of JSON.")
DATA = click.option("--data", type=FOLDER, help="The data folder; without it, MATINEE_DATA.")


def settings_of(data: Path | None) -> Settings:
    """The settings, with another data folder if one is named."""
    settings = read_settings()
    return settings if data is None else replace(settings, data=data)


def report(facts: Mapping[str, Any], as_json: bool, sentence: str) -> None:
    """Say what was done: to a program, or to a person."""
    click.echo(json.dumps(facts) if as_json else sentence)
