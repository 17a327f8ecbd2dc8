"""What an edge cannot do at the moment with its control plane: said once when it begins, and once when it is over."""

from collections.abc import Awaitable, Callable

import structlog

from matinee.model.errors import MatineeError

_log = structlog.get_logger()


class Complaints:
    """What goes wrong, by name; whatever it is, it is tried again in a second, and one line says so."""

    def __init__(self) -> None:
        self._errors: dict[str, str] = {}

    async def do(self, what: str, act: Callable[[], Awaitable[None]]) -> bool:
        """Whether it went well."""
        try:
            await act()
        except MatineeError as error:
            self.said(what, error)
            return False
        except Exception:  # noqa: BLE001 - an edge that no longer reports would be steered around for one bad answer
            if what not in self._errors:
                _log.exception("control.failed", what=what)
            self._errors[what] = "failed"
            return False
        self.said(what, None)
        return True

    def said(self, what: str, error: MatineeError | None) -> None:
        """How something went: None is well."""
        if error is None:
            if self._errors.pop(what, None) is not None:
                _log.info("control.found", what=what)
        elif what not in self._errors:
            self._errors[what] = str(error)
            _log.warning("control.lost", what=what, reason=str(error))
