"""A plan as it comes in, page by page: a small one is gathered and counts at once, others are written at the side."""

from matinee.cache.index import Index
from matinee.cache.upkeep import End, Upkeep
from matinee.model.plans import FillWindow, PlannedFile, PlanPage

_SMALL_PLAN_FILES = 1000


class PlanPages:
    """The pages of the plan to come. ``ended``: the generation of the last plan that came whole; None: none yet."""

    def __init__(self) -> None:
        self.ended: int | None = None
        self._gathered: list[PlannedFile] | None = None
        self._through, self._window = -1, FillWindow()

    def begin(self, window: FillWindow) -> None:
        """A plan begins, to be filled within a window; one that was begun before and not ended is forgotten."""
        self._gathered, self._through, self._window = [], -1, window

    def add(self, page: PlanPage, upkeep: Upkeep) -> None:
        """The page that comes next; one that was here already is passed over."""
        if page.page <= self._through:
            return
        self._through = page.page
        if self._gathered is None:
            upkeep.plan(page.files)
            return
        self._gathered += page.files
        if len(self._gathered) > _SMALL_PLAN_FILES:
            self._aside(self._gathered, upkeep)

    def end(self, generation: int, index: Index, upkeep: Upkeep, *, held: int) -> None:
        """That was all of it; ``held`` files are there to change their kind."""
        self.ended = generation
        small, self._gathered = self._gathered, None
        if small is not None:
            few = held <= _SMALL_PLAN_FILES
            if few and upkeep.plan_now(index, tuple(small), generation, self._window):
                return
            self._aside(small, upkeep)
        upkeep.plan(End(generation, self._window))

    def _aside(self, files: list[PlannedFile], upkeep: Upkeep) -> None:
        """What was gathered of a plan that is not small goes to the thread at the side, and what follows too."""
        self._gathered = None
        upkeep.plan(None)
        upkeep.plan(tuple(files))
