"""Read the body of a request without holding more of it than is allowed, and refuse it while it still arrives."""

from __future__ import annotations

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from ..errors import Errors
from .problems import SHOWN, ProblemError, plain
from .settings import Limits

# Seconds in which the rest of a refused body is read and dropped. A connection that is closed while its client sends
# may take the answer away from the client.
LINGER_SECONDS = 1.0


async def read_body(request: Request, limits: Limits) -> bytes:
    """Read the body of a request.

    request (Request): The request.
    limits (Limits): How long the body may be, and may take.
    RETURNS (bytes): The body.
    RAISES (ProblemError): If it is no JSON by its type (415), too long (413) or too slow (408).
    RAISES (ClientDisconnect): If the client has left.
    """
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, Errors.B083.format(given=plain(kind, SHOWN)), closes=True)
    too_long = ProblemError(413, Errors.B076.format(most=limits.body_bytes), closes=True)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 15 or int(announced) > limits.body_bytes):
        raise too_long
    chunks: list[bytes] = []
    left = limits.body_bytes
    with anyio.move_on_after(limits.body_seconds) as clock:
        async for chunk in request.stream():
            left -= len(chunk)
            if left < 0:
                raise too_long
            chunks.append(chunk)
    if clock.cancelled_caught:
        raise ProblemError(408, Errors.B085.format(seconds=limits.body_seconds), closes=True)
    return b"".join(chunks)


class ClosingResponse(JSONResponse):
    """An answer before the whole body has arrived. The connection is closed after it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers["connection"] = "close"
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with anyio.move_on_after(LINGER_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    break
        await send({"type": "http.response.body", "body": b"", "more_body": False})
