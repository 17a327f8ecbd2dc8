"""Text that people type: brought into one spelling, and checked before anything keeps it.

A database refuses NUL and lone surrogates, and a line feed in a name breaks every list it stands in; so text is checked
where it comes in.
"""

import unicodedata

from matinee.model.errors import Invalid

_NEVER = {"Cc", "Cs", "Zl", "Zp"}
_INVISIBLE = {"Cf", "Zs"}
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # Persian, Hindi and emoji are spelt with them


def line(what: str, text: str, longest: int) -> str:
    """The text on one line, in Unicode's NFC, trimmed; Invalid names ``what`` if it is empty, longer or unprintable."""
    text = unicodedata.normalize("NFC", text).strip()
    kinds = {unicodedata.category(letter) for letter in text}
    if kinds <= _INVISIBLE:
        raise Invalid(f"{what} is empty.")
    return _checked(what, text, text, longest)


def paragraphs(what: str, text: str, longest: int) -> str:
    """The text on any number of lines, or none; Invalid names ``what`` if it is longer or unprintable."""
    lines = [entry.rstrip() for entry in unicodedata.normalize("NFC", text).strip().splitlines()]
    return _checked(what, "\n".join(lines), "".join(lines), longest)


def printable(text: str) -> str:
    """Somebody else's words with a mark for each letter that hides, breaks a line or moves what stands around it."""
    return "".join(
        letter if letter.isprintable() or letter in _JOINERS else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _checked(what: str, text: str, letters: str, longest: int) -> str:
    if len(text) > longest:
        raise Invalid(f"{what} is longer than {longest} characters.")
    if not _NEVER.isdisjoint(map(unicodedata.category, letters)):
        raise Invalid(f"{what} holds a character that cannot be printed.")
    return text
