"""How one encode gets a CRF for each shot: x264's zones. Pure.

A chunk holds several shots, and is one process and one decode. Shots encoded one by one lose a little at their ends,
where there is nothing to look ahead to: half a per cent of bits was measured.
"""

from collections.abc import Sequence
from itertools import pairwise


def zones(starts: Sequence[int], frames: int, crfs: Sequence[float]) -> str:
    """The value of x264's parameter ``zones`` for shots that begin at these frames of a chunk, the first at 0.

    Shots of one CRF beside each other are one zone. Empty where the whole chunk has one CRF: there are no zones then.
    """
    if len(set(crfs)) <= 1:
        return ""
    firsts = [place for place, crf in enumerate(crfs) if place == 0 or crf != crfs[place - 1]]
    ends = [*(starts[place] for place in firsts), frames]
    return "/".join(
        f"{start},{end - 1},crf={crfs[place]:g}" for place, (start, end) in zip(firsts, pairwise(ends), strict=True)
    )
