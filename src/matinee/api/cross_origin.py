"""What any page may read: answers that carry no cookie's secrets, open to every origin (Fetch §3.2, CORS)."""

from fastapi import APIRouter, Response

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    # Players keep what a manifest said only as long as its playback says.
    "Cache-Control": "no-store",
}
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    # CMCD in header mode (CTA-5004-A), and its reports' content type.
    "Access-Control-Allow-Headers": "Content-Type, Range, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status",
    "Access-Control-Max-Age": "86400",
}


def answer_preflight(router: APIRouter, path: str) -> None:
    """Answer a browser that asks whether it may send a request with headers of its own."""

    @router.options(path, include_in_schema=False)
    def preflight() -> Response:
        return Response(status_code=204, headers=_PREFLIGHT)
