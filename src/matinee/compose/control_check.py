"""Asks the control plane, over HTTP, how it is: as an edge reaches it, and as browsers do."""

import httpx

from matinee.compose.control_channel import check_nats_control, is_nats, shown_control
from matinee.compose.tls import trusted
from matinee.edge.credential import Credential
from matinee.model.errors import Forbidden, Invalid, Unavailable
from matinee.settings import Settings

_TIMEOUT_SECONDS = 3.0


def check_control(settings: Settings) -> str:
    """What the control plane says of itself, and whether it takes this edge's word.

    Unavailable if it does not answer or is not ready; Forbidden if it does not know this edge's credential; Invalid if
    the address is none or its certificate is signed by nobody we trust.
    """
    shown_control(settings.control)
    if is_nats(settings.control):
        return _through_nats(settings)
    where = f"The control plane at {settings.control}"
    with _client(settings, settings.control) as client:
        says = _ready(client, where)
        if not settings.edge_id:
            return says
        credential = _credential(settings)
        if credential is None:
            return f"{says}; edge {settings.edge_id} joins it when it starts"
        # A report that says nothing is refused as such once the credential was right, and is kept nowhere.
        answer = client.post(
            f"/api/v1/edges/{settings.edge_id}/report", content="{}", headers={"Authorization": f"Bearer {credential}"}
        )
    if answer.status_code == httpx.codes.FORBIDDEN:
        raise Forbidden(
            f"{where} does not take edge {settings.edge_id}'s credential: have it join anew, with a new join token."
        )
    if answer.status_code != httpx.codes.BAD_REQUEST:
        raise Invalid(f"{where} answers an edge's report with {answer.status_code}: is that one of Matinee's?")
    return f"{says}, takes edge {settings.edge_id}'s word"


def _through_nats(settings: Settings) -> str:
    if not settings.edge_id:
        return "its site's NATS server, through which edges alone ask"
    credential = _credential(settings)
    if credential is None:
        return f"edge {settings.edge_id} joins it when it starts"
    return check_nats_control(settings, credential)


def _credential(settings: Settings) -> str | None:
    """What this edge is known by; None if it is to join first; Invalid if it cannot."""
    kept = Credential(settings.data / "control")
    if kept.joins(settings.join_token):
        return None
    if (credential := kept.before()) is None:
        raise Invalid(f"Edge {settings.edge_id} has joined nobody yet, and MATINEE_JOIN_TOKEN is empty.")
    return credential


def check_public(settings: Settings) -> str:
    """What stands at the address that browsers see, and the control plane behind it; errors as ``check_control``."""
    with _client(settings, settings.public_address) as client:
        return _ready(client, f"The control plane at {settings.public_address}, as browsers see it,")


def _client(settings: Settings, address: str) -> httpx.Client:
    trust = trusted(settings) if address.startswith("https:") else False
    return httpx.Client(base_url=address.rstrip("/"), verify=trust, trust_env=False, timeout=_TIMEOUT_SECONDS)


def _ready(client: httpx.Client, where: str) -> str:
    """``Matinee VERSION``, and what stands in front of it; raises as ``check_control``."""
    try:
        lives, ready = client.get("/healthz"), client.get("/readyz")
    except httpx.TimeoutException as error:
        raise Unavailable(f"{where} does not answer within {_TIMEOUT_SECONDS:g} s.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        if "CERTIFICATE" in reason.upper():
            raise Invalid(
                f"{where} shows a certificate that is not trusted: {reason}; see MATINEE_TLS_AUTHORITIES."
            ) from error
        raise Unavailable(f"{where} does not answer: {reason}.") from error
    if not ready.is_success:
        raise Unavailable(f"{where} is not ready ({ready.status_code}): {_detail(ready)}")
    front = lives.headers.get("server", "")
    return f"Matinee {_word(lives, 'version')}" + (f" behind {front}" if front else "")


def _detail(answer: httpx.Response) -> str:
    return _word(answer, "detail") if "json" in answer.headers.get("content-type", "") else "no reason is given."


def _word(answer: httpx.Response, name: str) -> str:
    try:
        words = answer.json()
    except ValueError:
        return "of a version that it does not tell"
    return str(words.get(name, "")) if isinstance(words, dict) else ""
