"""What a report takes from an encode: the bits of its files, the seconds of its stages."""

from dataclasses import replace

from matinee.reports.making import shot_bits, stages
from matinee.reports.report import Stage
from playing import presentation


def test_the_bits_of_a_shot_are_those_of_its_segment() -> None:
    shown = presentation()
    first = shown.video[0]
    folder = first.uri.rpartition("/")[0]
    files = [
        (f"{folder}/init.mp4", 800),
        (f"{folder}/00002.m4s", 30),
        (f"{folder}/00001.m4s", 20),
        ("other/00001.m4s", 7),
    ]
    assert shot_bits(replace(shown, files=tuple(files)), first.name) == (160, 240)
    assert shot_bits(shown, "no such rendition") == ()


def test_stages_stand_in_the_order_of_the_work_and_none_is_lost() -> None:
    told = stages(
        {"verifying": 2.0, "encoding": 5.0, "surveying": 1.0, "burning": 3.0}, {"encoding": 4.0, "packaging": 1.5}
    )
    assert told == (
        Stage("surveying", 1.0),
        Stage("encoding", 5.0, 4.0),
        Stage("verifying", 2.0),
        Stage("packaging", 0.0, 1.5),
        Stage("burning", 3.0),
    )
