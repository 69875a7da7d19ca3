"""What is wrong with a request, as its client is told: a status, a code, and a sentence. Never a traceback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from pydantic import ValidationError

from ..errors import Errors

# Errors of pydantic that say that there is too much of something.
TOO_LARGE = ("too_long", "string_too_long")
# What pydantic says with a regular expression, in words.
IN_WORDS = {"string_pattern_mismatch": "It needs a visible character. Labels have no control characters"}
# Characters of a name or a message that an answer repeats.
SHOWN = 60


class ProblemError(Exception):
    """Ends a request with an error for its client."""

    def __init__(
        self, status: int, message: str, headers: Optional[Mapping[str, str]] = None, *, closes: bool = False
    ) -> None:
        """
        status (int): Status code of HTTP.
        message (str): What is wrong, and how to mend it. It starts with one of our codes, where there is one.
        headers (Mapping, optional): Headers of the answer.
        closes (bool): Whether the body of the request was not read, so that the connection has to be closed.
        """
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.closes = closes

    @property
    def code(self) -> Optional[str]:
        """RETURNS (str, optional): The code that the message starts with."""
        start, closed, _ = self.message.partition("] ")
        return start[1:] if closed and start.startswith("[") else None

    def content(self) -> dict[str, Optional[str]]:
        """RETURNS (dict): The body of the answer, see `messages.Problem`."""
        return {"code": self.code, "message": self.message}


def not_a_request(error: ValidationError) -> ProblemError:
    """Say what is wrong with a body.

    error (ValidationError): What pydantic says.
    RETURNS (ProblemError): Status 413 if the only thing that is wrong is that there is too much, otherwise 422.
    """
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    is_large = all(one["type"] in TOO_LARGE for one in errors)
    first = errors[0]
    found = {"where": _path(first["loc"]), "problem": IN_WORDS.get(first["type"]) or plain(first["msg"], 200)}
    more = f" There are more problems: {len(errors) - 1:,}." if len(errors) > 1 else ""
    if is_large:
        return ProblemError(413, Errors.B077.format(**found) + more)
    return ProblemError(422, Errors.B078.format(**found) + more)


def _path(location: Sequence[Any]) -> str:
    """RETURNS (str): Where in the body something is, such as `texts[3]`."""
    shown = ""
    for part in location:
        if isinstance(part, int):
            shown += f"[{part}]"
        elif part != "[key]":
            shown += f".{plain(part, SHOWN)}" if shown else plain(part, SHOWN)
    return shown or "the body"


def plain(text: str, length: int) -> str:
    """RETURNS (str): The beginning of a text in printable characters, so that it is one line of an answer or a log."""
    cut = text if len(text) <= length else text[: length - 1] + "…"
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)
