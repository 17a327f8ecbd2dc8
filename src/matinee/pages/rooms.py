"""The rooms' shells as one value: a composition root fills it, api and web receive it."""

from collections.abc import Callable
from dataclasses import dataclass

from obstore.store import ObjectStore

from matinee.accounts.members import Accounts
from matinee.catalogue.titles import Catalogue
from matinee.delivery.accounts import Accounting
from matinee.delivery.desk import Desk
from matinee.delivery.edges import Edges
from matinee.delivery.network import Network
from matinee.encodes.jobs import Jobs
from matinee.experiments.experiments import Experiments
from matinee.model.ids import RandomBytes
from matinee.model.topology import Topology
from matinee.playback.marks import Marks
from matinee.playback.playbacks import Playbacks
from matinee.playback.telemetry import Telemetry
from matinee.ports import Clock
from matinee.recommender.serving import Recommender
from matinee.replay.journal import Journal
from matinee.sources.sources import Sources
from matinee.spans.spans import Spans
from matinee.teaching.nightly import Reports


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything a request may ask.

    ``objects`` serves posters and thumbnails to who is signed in. ``topology`` knows regions; ``trust_region`` lets a
    viewer name their own. ``network`` is what operators order of edges, ``desk`` what answers edges themselves, and
    ``accounting`` what they sent. ``journal`` keeps pages as they were shown, ``reports`` say how good each day's were.
    ``spans`` are what viewers may pass over in a title.
    ``demo`` carries a breakage (``kill``, ``hang`` or ``revive`` and an edge's id) to the demo's supervisor; None
    outside the demo.
    """

    accounts: Accounts
    catalogue: Catalogue
    encoding: Jobs
    sources: Sources
    edges: Edges
    topology: Topology
    playbacks: Playbacks
    marks: Marks
    telemetry: Telemetry
    recommender: Recommender
    objects: ObjectStore
    clock: Clock
    random_bytes: RandomBytes
    network: Network
    accounting: Accounting
    desk: Desk
    experiments: Experiments
    journal: Journal
    reports: Reports
    spans: Spans
    trust_region: bool = False
    demo: Callable[[str, str], None] | None = None
