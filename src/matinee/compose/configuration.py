"""Writes the page of all settings from their own sentences."""

from dataclasses import fields

from matinee.compose.objects import S3_VARIABLES
from matinee.settings import PREFIX, Settings


def configuration_page() -> str:
    """``docs/configuration.md``: every variable with its unit, default and sentence."""
    lines = [
        "# Configuration",
        "",
        "Every process reads these variables.",
        "A name with `_FILE` after it names a file that holds the value (secrets belong there, mode 600); never both.",
        "Written by `make docs` from `src/matinee/settings.py`.",
        "",
        "| variable | unit | default | what it says |",
        "|---|---|---|---|",
    ]
    for entry in fields(Settings):
        default = f"`{entry.default}`" if entry.default != "" else ""
        sentence = entry.metadata["sentence"].replace("|", "\\|")
        lines.append(f"| `{PREFIX}{entry.name.upper()}` | {entry.metadata['unit']} | {default} | {sentence} |")
    lines += ["", "An object store on S3 reads these as well, as other clients of S3 do:", ""]
    lines += ["| variable | what it says |", "|---|---|"]
    lines += [f"| `{name}` | {sentence} |" for name, sentence in S3_VARIABLES.items()]
    return "\n".join(lines) + "\n"
