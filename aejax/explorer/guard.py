"""The door of the server: who may ask, how much may be sent, and what every answer carries. Plain ASGI."""

import ipaddress
import json
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

BODY = 4 * 2**20       # bytes of a request's body, at most
DISCARDED = 2**30      # bytes of a body that is too large that are read past, so that the client hears why
PATIENCE = 30.0        # seconds for that
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
                               "frame-ancestors 'none'",
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class TooLargeError(Exception):
    """A body grew beyond `BODY` while it was read."""


class Guard:
    """Refuses requests that another site's page could have made, and bodies that are too large, before reading them.

    A page of another site reaches a server on this machine by its own name, resolved to 127.0.0.1 (DNS rebinding): the
    Host header tells. On a loopback address only names of this machine are answered, elsewhere also addresses, which
    nobody can rebind. A POST must be JSON and from no other origin, which keeps out forms and scripts of other sites.

    Args:
      app: what answers.
      hosts: names that the Host header may have.
      addresses: whether any IP address may stand there, too.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], hosts: Collection[str],
                 addresses: bool = False):
        self.app, self.hosts, self.addresses = app, {host.lower() for host in hosts}, addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], headers)
        if refusal is None:
            try:
                return await self.app(scope, _bounded(receive), answer)
            except TooLargeError:
                refusal = _too_large()
        if not started:
            await _refuse(*refusal, scope, receive, answer)

    def _refusal(self, method: str, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._known(host):
            return 403, f"unknown host {host[:100]!r}: open the address that aejax explore printed"
        if headers.get("origin", f"http://{host}").lower() != f"http://{host}".lower():
            return 403, "a page of another origin asked"
        if method != "POST":
            return None
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return 415, "send application/json"
        length = headers.get("content-length", "0")
        return None if length.isdigit() and int(length) <= BODY else _too_large()

    def _known(self, host: str) -> bool:
        name = host.lower()
        if name.rpartition(":")[2].isdigit() and not name.endswith("]"):
            name = name.rpartition(":")[0]
        if name in self.hosts:
            return True
        try:
            return self.addresses and bool(ipaddress.ip_address(name.strip("[]")))
        except ValueError:
            return False


def _too_large() -> tuple[int, str]:
    return 413, f"the body is too large: at most {BODY:,} bytes"


def _bounded(receive: Receive) -> Receive:
    """Counts a body that does not say its length."""
    total = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > BODY:
            raise TooLargeError
        return message
    return counted


async def _refuse(status: int, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers in one line of JSON, then reads past what is still being sent: a client that is cut off hears nothing."""
    body = json.dumps({"error": reason}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
            (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    total, until = 0, time.monotonic() + PATIENCE
    while scope["method"] == "POST" and total < DISCARDED and time.monotonic() < until:
        message = await receive()
        total += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    await send({"type": "http.response.body", "body": b""})
