"""Run the HTTP interface with uvicorn, until a signal ends it."""

from __future__ import annotations

import ipaddress
import math
import signal
import socket
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Optional

import uvicorn
from fastapi import FastAPI

from ..errors import Errors, Warnings

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1", "[::1]")
# Seconds beyond the timeout of requests until a server that is being stopped gives up.
GRACE_SECONDS = 5


def is_local(host: str) -> bool:
    """RETURNS (bool): Whether only this computer can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str, named: list[str]) -> tuple[str, ...]:
    """List the names that requests may address the server by.

    host (str): The address that it listens at.
    named (list[str]): More names.
    RETURNS (tuple[str, ...]): The names. None, which allows all, if other computers can reach the server and no name
        is given. A page on the web can't read from a server on this computer, because it has another name.
    """
    return (*LOCAL_NAMES, host, *named) if is_local(host) or named else ()


def bind(host: str, port: int) -> socket.socket:
    """Take a port, and warn if other computers can reach it. Nobody can connect to it before `serve`.

    host (str): The address.
    port (int): The port, or 0 for any that is free.
    RETURNS (socket): The socket.
    RAISES (ValueError): If that is not possible.
    """
    if not is_local(host):
        warnings.warn(Warnings.BW21.format(host=host), stacklevel=2)
    try:
        family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as until_bound:
            opened = until_bound.enter_context(socket.socket(family))
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(where)
            until_bound.pop_all()
        return opened
    except OSError as error:
        raise ValueError(Errors.B086.format(host=host, port=port, cause=error.strerror or error)) from None


def address(opened: socket.socket) -> str:
    """RETURNS (str): The address of a socket, as a browser takes it."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """A server that says when it takes requests."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = started

    async def startup(self, sockets: Optional[list[socket.socket]] = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        if self.started:
            self._when_started()


def serve(api: FastAPI, opened: socket.socket, *, timeout: float, started: Callable[[], None]) -> bool:
    """Serve until SIGTERM or Ctrl+C. Then no request is taken any more, and those that are there are answered.

    api (FastAPI): The HTTP interface.
    opened (socket): Where it listens.
    timeout (float): Timeout of requests, in seconds. The server ends a little later at the latest.
    started (Callable): Called when requests can come.
    RETURNS (bool): Whether it has started.
    """
    config = uvicorn.Config(
        api,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=math.ceil(timeout) + GRACE_SECONDS,
    )
    server = Server(config, started)
    # uvicorn sends the signal once more when it has stopped. It has done its work then.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with suppress(KeyboardInterrupt):
            server.run(sockets=[opened])
    finally:
        signal.signal(signal.SIGTERM, before)
    return server.started
