from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.learning.datasets import About, Interaction, LeftOut, read_dataset, read_interactions
from matinee.model.errors import Invalid


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


def test_a_folder_says_what_its_items_are(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n7,31,2.5,20\n7,12,4.0,10\n")
    (tmp_path / "movies.csv").write_text(
        'movieId,title,genres\n31,"Heat, The (1995)",Crime|Drama\n12,Odd,(no genres listed)\n'
    )
    (tmp_path / "tags.csv").write_text("userId,movieId,tag,timestamp\n7,31,slow,1\n")
    found = read_dataset(tmp_path)
    assert found.about["31"] == About("Heat, The (1995)", 1995, ("Crime", "Drama"), ("slow",))
    assert found.about["12"].genres == ()
    assert found.timed


def test_a_folder_of_movietweetings_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::0031::8::20\n")
    (tmp_path / "movies.dat").write_text("0031::Fantômas (1913)::Crime|Drama\n")
    found = read_dataset(tmp_path)
    assert found.about["0031"].year == 1913
    assert [one.item for one in found.interactions] == ["0031"]


def test_what_is_not_used_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "plays"
    path.write_text("a 1 5 30\na 2 3 20\nonly-one-word\na 1 5 40\nb 1 five 10\nb 2 4.5 nan\nb 3 4 10\n\n")
    found = read_dataset(path, min_rating=4)
    assert [(one.user, one.item) for one in found.interactions] == [("b", "3"), ("a", "1")]
    assert found.left_out == LeftOut(unreadable=3, below_rating=1, repeated=1, backwards=0)
    assert "3 unreadable lines left out" in found.left_out.sentence()


def test_clocks_that_run_backwards_are_said_and_put_in_order(tmp_path: Path) -> None:
    path = tmp_path / "plays"
    path.write_text("a 1 5 30\na 2 5 20\na 3 5 20\n")
    found = read_dataset(path)
    assert [one.item for one in found.interactions] == ["2", "3", "1"]
    assert found.left_out.backwards == 1


def test_lines_without_times_are_untimed_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "SASRec.txt"
    path.write_text("1 9\n1 8\n2 9\n")
    found = read_dataset(path)
    assert not found.timed
    assert [one.item for one in found.interactions] == ["9", "8", "9"]


def test_an_empty_history_says_so(tmp_path: Path) -> None:
    path = tmp_path / "plays"
    path.write_text("nothing\n")
    with pytest.raises(Invalid, match="no interaction that can be used"):
        read_dataset(path)
    with pytest.raises(Invalid, match=r"holds none of ratings\.csv"):
        read_dataset(tmp_path)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5), st.integers(0, 9)), min_size=1))
def test_nothing_is_lost_that_is_not_counted(lines: list[tuple[int, int, int, int]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plays"
        path.write_text("".join(f"{u}::{i}::{r}::{t}\n" for u, i, r, t in lines))
        try:
            found = read_dataset(path, min_rating=2)
        except Invalid:
            assert all(rating < 2 for _, _, rating, _ in lines)
            return
    out = found.left_out
    assert len(found.interactions) + out.below_rating + out.repeated + out.unreadable == len(lines)
    times = [one.time for one in found.interactions]
    assert times == sorted(times)
