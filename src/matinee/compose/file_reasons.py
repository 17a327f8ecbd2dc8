"""Why an edge holds a file, or does not: its plan, pins, and what it told of itself."""

from dataclasses import dataclass

from matinee.delivery.network import Network
from matinee.delivery.plan_store import ABSENT
from matinee.model.errors import Invalid
from matinee.model.plans import PlannedFile


@dataclass(frozen=True, slots=True)
class FileReasons:
    """``holds`` is what the edge last told, None if it told nothing; ``planned`` is the file in its newest plan.

    ``reasons`` are sentences.
    """

    edge_id: str
    path: str
    holds: bool | None
    generation: int
    planned: PlannedFile | None
    pinned: tuple[str, ...]
    reasons: tuple[str, ...]


def why_file(network: Network, edge_id: str, path: str) -> FileReasons:
    """The reasons as the database knows them; Invalid unless the path is ``<title>/<revision>/<file>``."""
    title_id, _, rest = path.partition("/")
    if not (title_id and rest.partition("/")[2]):
        raise Invalid(f"{path!r:.200} is not TITLE/REVISION/NAME.")
    plans = network.plans
    newest = next((one.generation for one in plans.summaries() if one.edge_id == edge_id), 0)
    planned = plans.find(edge_id, path, newest)
    told = network.holdings.told(edge_id, path)
    pinned = tuple(region for pinned_id, region in plans.pins() if pinned_id == title_id)
    then: PlannedFile | None = None
    holds: bool | None = None
    if told is not None:
        then = planned if told[0] == newest else plans.find(edge_id, path, told[0])
        holds = then is not None if told[1] is None else told[1] != ABSENT
    sentences = (
        _of_plan(planned, newest),
        *(f"An operator pinned its title {f'in {region}' if region else 'everywhere'}." for region in pinned),
        _of_holdings(told, planned_then=then is not None, holds=holds),
    )
    return FileReasons(edge_id, path, holds, newest, planned, pinned, sentences)


def _of_plan(planned: PlannedFile | None, generation: int) -> str:
    if not generation:
        return "No plan was made for this edge yet."
    if planned is None:
        return f"Plan {generation} does not want it: it is not played enough here to be among what fits, or not at all."
    role = "fetches it for its site" if planned.elected else "copies it from its site's other edge"
    return (
        f"Plan {generation} wants it: each of its bytes is expected to save {planned.worth:.3g} a day. The edge {role}."
    )


def _of_holdings(told: tuple[int, int | None] | None, *, planned_then: bool, holds: bool | None) -> str:
    if told is None:
        return "The edge has not told what it holds."
    generation, difference = told
    if difference is None and planned_then:
        return f"It holds the file, as plan {generation} wanted."
    if difference == ABSENT:
        return f"It does not hold the file, which plan {generation} wanted: it is still to be filled, or was refused."
    return "It holds the file in its demand cache: viewers asked for it." if holds else "It does not hold the file."
