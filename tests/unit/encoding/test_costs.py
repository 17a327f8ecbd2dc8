import subprocess
import sys

from matinee.encoding.costs import counted


def squares(here: int, in_a_tool: int) -> str:
    sum(number * number for number in range(here))
    subprocess.run([sys.executable, "-c", f"sum(one * one for one in range({in_a_tool}))"], check=True)
    return "summed"


def test_a_task_costs_what_it_and_its_tools_took_of_processors() -> None:
    little, here, in_a_tool = counted(squares, 1, 1), counted(squares, 9_000_000, 1), counted(squares, 1, 9_000_000)
    assert little.value == "summed"
    assert 0 < little.cpu_seconds < min(here.cpu_seconds, in_a_tool.cpu_seconds)
