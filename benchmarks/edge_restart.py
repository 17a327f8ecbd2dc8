"""How long until a restarted edge with a million files serves again, and until it has told all of them.

Times run from the start of the process: to the last byte of a held file through HTTP, its token checked, and to the
end of the listing at a control plane that counts what it hears. After an orderly end and after ``kill -9``, in turns.
The files lie in the page cache as far as the machine has the room: what is measured is the edge, not a disk.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Sequence

from benchmarks.machine import report
from benchmarks.million_files import FILES, MISSING, PLACED, ControlPlane, Edge, folder

SEED = 20261126
ROUNDS = 3
_PATIENCE_SECONDS = 120


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f} to {max(values):.2f}]"


def main() -> None:
    chance = random.Random(SEED)
    served: dict[bool, list[float]] = {False: [], True: []}
    told: dict[bool, list[float]] = {False: [], True: []}
    worked: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    busy = os.getloadavg()[0]
    updates = 0
    with folder() as data:
        control = ControlPlane()
        killed = False
        for number in range(2 * ROUNDS + 1):
            control.begin()
            edge = Edge(data, control.address)
            first = edge.first_byte_at(chance.randrange(FILES)) - edge.started_at
            served_cpu = edge.cpu_seconds()
            while control.told_at is None:
                if time.monotonic() - edge.started_at > _PATIENCE_SECONDS:
                    edge.stop()
                    sys.exit(f"The holdings were not told within {_PATIENCE_SECONDS} s.")
                time.sleep(0.01)
            if control.held != FILES:
                edge.stop()
                sys.exit(f"The edge told of {control.held} files; it holds {FILES}.")
            if number:  # the first start only makes the others alike
                served[killed].append(first)
                worked[killed].append((served_cpu, edge.cpu_seconds()))
                told[killed].append(control.told_at - edge.started_at)
                updates = control.updates
            killed = number % 2 == 1
            (edge.kill if killed else edge.stop)()
        control.shutdown()
    rows = [
        {
            "restart after": "kill -9" if killed else "SIGTERM",
            "s to the first file served": _spread(served[killed]),
            "CPU s till then": _spread([cpu for cpu, _ in worked[killed]]),
            "s to the holdings told": _spread(told[killed]),
            "CPU s till told": _spread([cpu for _, cpu in worked[killed]]),
        }
        for killed in (False, True)
    ]
    report(
        "edge_restart",
        "an edge that holds a million files is restarted: when does it serve, and when has it told what it holds?",
        rows,
        figures=f"median [least to most] of {ROUNDS} restarts each; the bars are 1 s and 30 s",
        files=f"{PLACED} placed of {PLACED + MISSING} planned, {FILES - PLACED} in the demand cache; "
        f"told exactly, in {updates} updates",
        load_before=f"{busy:.1f} (over about 1, the CPU seconds say more of the edge than the others)",
        seed=SEED,
    )


if __name__ == "__main__":
    main()
