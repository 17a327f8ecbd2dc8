"""A stranger reads the whole house in an afternoon: files, functions and rooms have a size."""

from collections import Counter

from house import ROOMS, ROOT, SOURCE, committed, functions, python_files, shown

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
LARGEST_ROOM = 3_000
LARGEST_HOUSE = 62_000

# A migration is a list of what changed, as long as the change.
MIGRATIONS = SOURCE / "migrations" / "versions"


def lines(text: str) -> int:
    return len(text.splitlines())


def test_no_source_file_is_longer_than_four_hundred_lines() -> None:
    sources = [path for path in committed() if path.is_relative_to(ROOT / "src") and path.suffix in {".py", ".ts"}]
    long = {shown(path): lines(path.read_text()) for path in sources if not path.is_relative_to(MIGRATIONS)}
    assert {name: count for name, count in long.items() if count > LONGEST_FILE} == {}


def test_no_function_is_longer_than_sixty_lines() -> None:
    long = []
    for path in python_files("src"):
        if path.is_relative_to(MIGRATIONS):
            continue
        for function in functions(path):
            size = (function.end_lineno or function.lineno) - function.lineno + 1
            if size > LONGEST_FUNCTION:
                long.append(f"{shown(path)}:{function.lineno} {function.name} has {size} lines")
    assert long == []


def test_rooms_and_house_stay_small() -> None:
    sizes: Counter[str] = Counter()
    for path in python_files("src"):
        room = path.relative_to(SOURCE).parts[0]
        # Nobody reads all adapters: one of them, beside the port it serves.
        sizes[f"adapters/{path.stem.split('_')[0]}" if room == "adapters" else room] += lines(path.read_text())
    assert {name: size for name, size in sizes.items() if size > LARGEST_ROOM} == {}
    assert sizes.total() < LARGEST_HOUSE
    assert {room for room in ROOMS if not sizes[room]} == set()
