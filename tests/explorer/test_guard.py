"""The door without a server; `test_server` knocks at it over a socket."""

import asyncio
import json

import pytest

from aejax.explorer import guard
from aejax.explorer.guard import BODY, Guard


async def echo(scope, receive, send):
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def ask(door, parts=(b"{}",), method="POST", **headers):
    """Status and body that a request gets, whose body comes in parts."""
    headers = {"host": "127.0.0.1:80", "content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()}
    scope = {"type": "http", "method": method, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    waiting, sent = list(parts), []

    async def receive():
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)
    asyncio.run(door(scope, receive, send))
    return sent[0]["status"], b"".join(message["body"] for message in sent[1:]), dict(sent[0]["headers"]), waiting


def test_the_body_arrives_whole():
    status, body, headers, _ = ask(Guard(echo, ["127.0.0.1"]), [b"ab", b"", b"c"])
    assert (status, body) == (200, b"abc") and headers[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize("parts", [[b" " * (BODY + 1)], [b" " * BODY, b" ", b" "]], ids=["whole", "in parts"])
def test_a_body_that_grows_too_large(parts):
    status, body, _, waiting = ask(Guard(echo, ["127.0.0.1"]), parts)
    assert status == 413 and "too large" in json.loads(body)["error"] and not waiting   # what was sent is read past
    assert ask(Guard(echo, ["127.0.0.1"]), [b" " * BODY])[0] == 200


def test_an_endless_body_is_not_kept():
    given = []

    async def receive():
        given.append(b" " * 2**20)
        assert len(given) < 20
        return {"type": "http.request", "body": given[-1], "more_body": True}
    assert asyncio.run(guard._read(receive)) == (None, True) and len(given) == BODY // 2**20 + 1


@pytest.mark.parametrize("length", ["104857600", "-1", "ten", "1" * 5000])
def test_a_length_that_cannot_be(length):
    assert ask(Guard(echo, ["127.0.0.1"]), content_length=length)[0] == 413


@pytest.mark.parametrize(("host", "loopback", "elsewhere"), [
    ("127.0.0.1", 200, 200), ("127.0.0.1:8000", 200, 200), ("[::1]:8000", 200, 200), ("LOCALHOST", 200, 200),
    ("192.168.0.7:80", 403, 200), ("[fe80::1]", 403, 200), ("evil.example", 403, 403), ("", 403, 403),
    ("127.0.0.1.evil.example:80", 403, 403), ("localhost:80:80", 403, 403), ("\u00e9", 403, 403)])
def test_hosts(host, loopback, elsewhere):
    names = ["127.0.0.1", "localhost", "::1"]
    assert ask(Guard(echo, names), host=host)[0] == loopback
    assert ask(Guard(echo, names, addresses=True), host=host)[0] == elsewhere


def test_other_protocols_are_left_alone():
    asyncio.run(Guard(echo, [])({"type": "websocket"}, None, None))   # no answer: the connection is closed
