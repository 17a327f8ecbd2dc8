"""What decides is pure, what acts is known by name; rooms are synchronous, ASGI shells alone are not."""

import ast

from house import SOURCE, imported, module, python_files, shown, tree

# The shells: who holds ports. A new module is pure unless somebody decides otherwise, here.
SHELLS = {
    "matinee.accounts.allowances",
    "matinee.accounts.guesses",
    "matinee.accounts.members",
    "matinee.catalogue.titles",
    "matinee.consumers",
    "matinee.delivery.accounts",
    "matinee.delivery.audit",
    "matinee.delivery.demand",
    "matinee.delivery.edges",
    "matinee.delivery.enrolment",
    "matinee.delivery.holdings",
    "matinee.delivery.keys",
    "matinee.delivery.network",
    "matinee.delivery.oversight",
    "matinee.delivery.plans",
    "matinee.delivery.purges",
    "matinee.delivery.revocations",
    "matinee.edge.control",
    "matinee.edge.following",
    "matinee.edge.serving",
    "matinee.encodes.jobs",
    "matinee.encodes.pipeline",
    "matinee.encoding.analysis",
    "matinee.commands.needs",
    "matinee.encoding.parts",
    "matinee.encoding.production",
    "matinee.encoding.running",
    "matinee.experiments.experiments",
    "matinee.experiments.gathering",
    "matinee.pages.rooms",
    "matinee.playback.commitments",
    "matinee.playback.growing",
    "matinee.playback.marks",
    "matinee.playback.misses",
    "matinee.playback.ownership",
    "matinee.playback.playbacks",
    "matinee.playback.plays",
    "matinee.playback.telemetry",
    "matinee.recommender.archive",
    "matinee.recommender.artefacts",
    "matinee.recommender.serving",
    "matinee.replay.journal",
    "matinee.teaching.forecasting",
    "matinee.teaching.nightly",
    "matinee.teaching.shadowing",
    "matinee.teaching.training",
    "matinee.schedule",
    "matinee.sources.sources",
    "matinee.spans.episodes",
    "matinee.spans.spans",
}
ASYNCHRONOUS = {"edge", "cache", "upstream", "adapters", "compose", "demo", "api", "web", "ports.py"}


def test_ports_are_held_by_shells_only() -> None:
    holding = {
        module(path)
        for path in python_files("src/matinee")
        if "matinee.ports" in imported(path)
        and path.relative_to(SOURCE).parts[0] not in {"adapters", "compose", "demo", "ports.py"}
    }
    assert holding == SHELLS


def test_async_stays_in_the_edge_and_the_asgi_shells() -> None:
    wrong = [
        f"{shown(path)}:{node.lineno}"
        for path in python_files("src/matinee")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.AsyncFunctionDef) and path.relative_to(SOURCE).parts[0] not in ASYNCHRONOUS
    ]
    # The command line starts ASGI shells; it is not one.
    assert wrong == []


def test_only_adapters_and_compositions_ask_the_system_for_time() -> None:
    """Rooms get a clock; measuring how long something took (``perf_counter``, ``monotonic``) is not asking the time."""
    wrong = []
    for path in python_files("src/matinee"):
        if path.relative_to(SOURCE).parts[0] in {"adapters", "compose", "demo", "edge", "cache", "upstream"}:
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                asked = ast.unparse(node.func)
                if asked in {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}:
                    wrong.append(f"{shown(path)}:{node.lineno} {asked}")
    assert wrong == []
