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


class Guard:
    """Refuses what another site's page could have asked, and bodies that are too large, before `app` sees them.

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

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], headers)
        body, more = (None, scope["method"] == "POST") if refusal else await _read(receive)
        if body is None:
            await _refuse(*refusal or _too_large(), more, receive, answer)
        else:
            await self.app(scope, _again(body, receive), answer)

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
        return None if length.isdigit() and len(length) < 20 and int(length) <= BODY else _too_large()

    def _known(self, host: str) -> bool:
        name = host.lower()
        if name.rpartition(":")[2].isdigit() and not name.endswith("]"):
            name = name.rpartition(":")[0]
        name = name.strip("[]")
        if name in self.hosts:
            return True
        try:
            return self.addresses and bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def _too_large() -> tuple[int, str]:
    return 413, f"the body is too large: at most {BODY:,} bytes"


async def _read(receive: Receive) -> tuple[bytes | None, bool]:
    """A request's body, or None as soon as it is too large, which its length need not have said; and if more comes."""
    parts, total = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        total += len(parts[-1])
        more = message.get("more_body", False)
        if total > BODY or not more:
            return (None if total > BODY else b"".join(parts)), more


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives `body` as one message, then what comes after it."""
    given = False

    async def replayed() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}
    return replayed


async def _refuse(status: int, reason: str, more: bool, receive: Receive, send: Send) -> None:
    """Answers in one line of JSON, then reads past what is still being sent: a client that is cut off hears nothing."""
    body = json.dumps({"error": reason}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
            (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    total, until = 0, time.monotonic() + PATIENCE
    while more and total < DISCARDED and time.monotonic() < until:
        message = await receive()
        total += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.body", "body": b""})
