"""What edges and control plane say over NATS: subjects, and what stands in the messages' headers.

A request goes to ``matinee.control.<edge>.<verb>``. Its body is the verb's JSON, as over HTTP, and a header shows the
edge's own credential: the user that NATS knows is the site's, and the same for all edges of it. An answer comes to
``matinee.reply.<edge>.…``, so that a site can be let hear its own and nobody else's. An error of ours is its class in a
header, and its sentence.

One message holds what the servers' ``max_payload`` allows: 8 MB in ``deploy/nats``, 1 MB where nothing is said. Pages
of plans (2,000 files, packed), holdings and accounts are cut far smaller; what is larger all the same is refused with a
sentence.
"""

from matinee.model.errors import Forbidden, Invalid, MatineeError, NotFound, Unavailable

CONTROL, REPLY = "matinee.control", "matinee.reply"
CREDENTIAL, FAULT = "Matinee-Credential", "Matinee-Fault"
# What ``ports.ControlChannel`` names. Of any other error an edge hears the sentence, as Unavailable.
_KINDS: dict[str, type[MatineeError]] = {kind.__name__: kind for kind in (Forbidden, NotFound, Unavailable)}


def subject(edge_id: str, verb: str) -> str:
    """Where a verb of an edge's is asked."""
    return f"{CONTROL}.{_token(edge_id)}.{verb}"


def reply_prefix(edge_id: str) -> str:
    """What the subjects begin with to which an edge is answered."""
    return f"{REPLY}.{_token(edge_id)}"


def asked(subject: str) -> tuple[str, str]:
    """Edge and verb of a subject; Invalid if it is none of ours."""
    edge, _, verb = subject.removeprefix(f"{CONTROL}.").partition(".")
    if not subject.startswith(f"{CONTROL}.") or not edge or not verb:
        raise Invalid(f"Nothing of an edge's is asked at {subject!r:.200}.")
    return edge.replace("~", "."), verb


def _token(edge_id: str) -> str:
    # A dot would part the subject; an edge's id never has a tilde.
    return edge_id.replace(".", "~")


def fault_of(error: MatineeError) -> str:
    """An error's class, as an answer's header names it."""
    return next((name for name, kind in _KINDS.items() if isinstance(error, kind)), Unavailable.__name__)


def error_of(fault: str, sentence: bytes) -> MatineeError:
    """The error that was answered."""
    return _KINDS.get(fault, Unavailable)(sentence.decode(errors="replace"))
