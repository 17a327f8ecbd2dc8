import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from histories_known import checkerboard
from matinee.cli import matinee
from matinee.learning.datasets import read_dataset
from matinee.learning.evaluation import MODELS, evaluate
from matinee.model.errors import Invalid


@pytest.fixture
def plays(tmp_path: Path) -> Path:
    board = checkerboard(users=80, items=40, watched=12)
    path = tmp_path / "board.txt"
    path.write_text("".join(f"{user} {item}\n" for user, item in zip(board.owners(), board.items, strict=True)))
    return path


@pytest.mark.parametrize("protocol", ["leave-one-out", "strong", "prequential"])
def test_a_table_has_every_row_with_its_interval(plays: Path, protocol: str) -> None:
    said: list[str] = []
    found = evaluate(read_dataset(plays), protocol, say=said.append).as_json()
    assert (found["dataset"], found["protocol"]) == ("board.txt", protocol)
    assert [row["model"] for row in found["rows"]] == list(MODELS[protocol])
    for row in found["rows"]:
        for measure in ("hr@10", "ndcg@10", "ndcg@100"):
            low, high = row["ci95"][measure]
            assert low <= row[measure] <= high
        assert row["chosen"]
        assert 0 < row["coverage"] <= 1
    reached = {row["model"]: row["ndcg@100"] for row in found["rows"]}
    if protocol != "prequential":
        assert min(reached["matinee"], reached["ease"]) > reached["popularity"] + 0.1
    assert said
    json.dumps(found)


def test_popularity_and_trending_stand_in_every_table(plays: Path) -> None:
    found = evaluate(read_dataset(plays), "leave-one-out", ["ease"]).as_json()
    assert [row["model"] for row in found["rows"]] == ["popularity", "trending", "ease"]


def test_what_cannot_be_asked_is_a_sentence(plays: Path) -> None:
    dataset = read_dataset(plays)
    with pytest.raises(Invalid, match="there is no model oracle: say some of popularity"):
        evaluate(dataset, "strong", ["oracle"])
    with pytest.raises(Invalid, match="no protocol sampled"):
        evaluate(dataset, "sampled")
    few = plays.with_name("few")
    few.write_text("a 1\nb 2\n")
    for protocol in ("leave-one-out", "strong", "prequential"):
        with pytest.raises(Invalid, match="few has"):
            evaluate(read_dataset(few), protocol)


def test_the_verb_prints_json_or_a_table(plays: Path) -> None:
    words = ["evaluate", str(plays), "--model", "transitions"]
    as_json = CliRunner().invoke(matinee, [*words, "--json"])
    assert as_json.exit_code == 0
    assert {row["model"] for row in json.loads(as_json.stdout)["rows"]} == {"popularity", "trending", "transitions"}
    assert "80 users" in as_json.stderr
    shown = CliRunner().invoke(matinee, words)
    assert shown.stdout.startswith("board.txt, leave-one-out: 80 queries, 40 items")
    assert "chosen on validation" in shown.stdout
