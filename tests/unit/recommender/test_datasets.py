from pathlib import Path

import pytest

from matinee.model.errors import Invalid
from matinee.recommender.datasets import Interaction, read_interactions


@pytest.mark.parametrize(
    "text",
    [
        "userId,movieId,rating,timestamp\n7,31,2.5,20\n7,12,4.0,10\n",
        "7::31::2.5::20\n7::12::4.0::10\n",
        "7 31 2.5 20\n7\t12\t4.0\t10\n",
    ],
)
def test_every_published_form_reads_the_same_oldest_first(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ratings"
    path.write_text(text)
    assert read_interactions(path) == [Interaction("7", "12", 4.0, 10.0), Interaction("7", "31", 2.5, 20.0)]


def test_order_is_time_where_no_timestamp_is(tmp_path: Path) -> None:
    path = tmp_path / "plays"
    path.write_text("b 2\na 1\n")
    assert [found.user for found in read_interactions(path)] == ["b", "a"]


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plays"
    path.write_text("a 1\nonly-one-word\n")
    with pytest.raises(Invalid, match="Line 2"):
        read_interactions(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="nothing-here"):
        read_interactions(tmp_path / "nothing-here")
