"""Asks the object store whether it is there and lets this process do its work; says in one sentence what is wrong."""

import re
import secrets
from http import HTTPStatus

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from matinee.compose.objects import Patience, open_objects, shown_store
from matinee.model.errors import Invalid, MatineeError, Unavailable

_PATIENCE = Patience(connect_seconds=2, silent_seconds=4, retries=1, retry_seconds=2)
_PROBES = "probes/"
_ABSENT = "media/none/none/probe"  # under the folder that edges may read
_CONTENT = b"matinee"
_READ, _WRITTEN = "it may be read", "a probe was written, read, listed and deleted"

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_SAYS = {
    "NoSuchBucket": "has no such bucket: make it, or mend MATINEE_OBJECTS",
    "InvalidBucketName": "cannot have a bucket of that name: mend MATINEE_OBJECTS",
    **dict.fromkeys(
        ("SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken", "ExpiredToken"),
        "refuses AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY",
    ),
    **dict.fromkeys(("AuthorizationHeaderMalformed", "PermanentRedirect"), "lies in another region: set AWS_REGION"),
    "RequestTimeTooSkewed": "has another time than this machine: set its clock",
}
"""What S3's error codes mean to who set the store up."""
_NOT_NOW = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


def check_objects(url: str, *, writes: bool = True) -> str:
    """Read, list and, where it ``writes``, write and delete a probe; returns what was done, as a part of a sentence.

    Unavailable if the store does not answer now, Invalid if what is set or allowed is not right.
    """
    store = open_objects(url, _PATIENCE)
    where = f"The object store {shown_store(url)}"
    if isinstance(store, LocalStore):
        return _check_folder(store, where, writes=writes)
    try:
        # An edge reads what is not there yet: only who may also list is told so (404), others hear a 403.
        obstore.get(store, _ABSENT)
    except FileNotFoundError as error:
        if _code(error) != "NoSuchKey":
            raise _wrong(error, where, "read") from error
    except BaseError as error:
        raise _wrong(error, where, "read") from error
    else:
        raise Invalid(f"{where} does not speak S3: it has an object that nobody put there.")
    if not writes:
        return _READ
    try:
        _probe(store)
    except (BaseError, FileNotFoundError) as error:
        raise _wrong(error, where, "written") from error
    return _WRITTEN


def _check_folder(store: LocalStore, where: str, *, writes: bool) -> str:
    try:
        if writes:
            _probe(store)
        else:
            obstore.list_with_delimiter(store)
    except (BaseError, OSError) as error:
        raise Invalid(f"{where} cannot be {'written' if writes else 'read'}: {_first_line(error)}.") from error
    return _WRITTEN if writes else _READ


def _probe(store: ObjectStore) -> None:
    key = f"{_PROBES}{secrets.token_hex(8)}"
    obstore.put(store, key, _CONTENT)
    try:
        if bytes(obstore.get(store, key).bytes()) != _CONTENT:
            raise Invalid("The object store gave back something else than was put there.")
        obstore.list(store, key).collect()
    finally:
        obstore.delete(store, key)


def _wrong(error: Exception, where: str, wanted: str) -> MatineeError:
    """What an error of S3 means to who set the store up."""
    text, code = str(error), _code(error)
    if code in _SAYS:
        return Invalid(f"{where} {_SAYS[code]} ({code}).")
    status = int(found.group(1)) if (found := _STATUS.search(text)) else 0
    if status == HTTPStatus.FORBIDDEN or code == "AccessDenied":
        rights = "s3:GetObject and s3:ListBucket" if wanted == "read" else "s3:PutObject and s3:DeleteObject"
        return Invalid(f"{where} may not be {wanted} with this key: it needs {rights}.")
    if status:
        now = status in _NOT_NOW or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and code)
        kind, says = (Unavailable, "does not answer now") if now else (Invalid, "does not speak S3 as it should")
        return kind(f"{where} {says}: it said {status} {code or 'without an error of S3'}.")
    if "certificate" in text.lower():
        return Invalid(f"{where} shows a certificate that is not trusted: set AWS_CA_BUNDLE.")
    return Unavailable(f"{where} does not answer: {_cause(text)}.")


def _cause(text: str) -> str:
    """What the connection met, out of the library's own words."""
    causes = {
        "dns error": "its name is not known here",
        "Connection refused": "nothing listens there",
        "Connection reset": "it broke the connection",
        "IncompleteMessage": "it ended the connection without an answer",
        "TimedOut": "it is silent",
        "kind: Timeout": "it is silent",
        "instance metadata": "there are no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and this machine has no role",
    }
    return next((cause for word, cause in causes.items() if word in text), "the connection failed")


def _code(error: Exception) -> str:
    found = _CODE.search(str(error))
    return found.group(1) if found else ""


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
