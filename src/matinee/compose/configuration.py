"""Writes the page of all settings from their own sentences."""

from dataclasses import fields

from matinee.settings import PREFIX, Settings


def configuration_page() -> str:
    """``docs/configuration.md``: every variable with its unit, default and sentence."""
    lines = [
        "# Configuration",
        "",
        "Every process reads these variables; an object store on S3 reads the AWS_ variables as well.",
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
    return "\n".join(lines) + "\n"
