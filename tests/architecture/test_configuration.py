"""Every variable is documented, and every one that is spoken of exists."""

import re
from dataclasses import fields

import pytest

from house import ROOT, committed, shown
from matinee.compose.configuration import configuration_page
from matinee.settings import PREFIX, Settings

KNOWN = {f"{PREFIX}{field.name.upper()}" for field in fields(Settings)}
PAGE = ROOT / "docs" / "configuration.md"


def test_the_page_of_all_settings_is_the_one_that_make_docs_writes() -> None:
    if not PAGE.exists():
        pytest.skip(f"{shown(PAGE)} is not written yet: run make docs.")
    assert PAGE.read_text() == configuration_page()


def test_every_setting_has_its_line_on_the_page() -> None:
    page = configuration_page()
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", page)) == KNOWN


def test_every_variable_that_is_spoken_of_exists() -> None:
    spoken = {
        (shown(path), name)
        for path in committed()
        if path.suffix in {".py", ".md", ".sh", ".yaml", ".service", ".env", ".toml"} or path.name == "Makefile"
        if not path.is_relative_to(ROOT / "tests")
        for name in re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b", path.read_text())
    }
    assert {(path, name) for path, name in spoken if name.removesuffix("_FILE") not in KNOWN} == set()
