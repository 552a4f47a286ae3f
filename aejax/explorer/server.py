"""The page's server: its files, the scene, and what `operations` compute. Answers to bad requests are one line of JSON.
"""

import base64
import binascii
import importlib
import json
import math
import signal
import socket
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from aejax.explorer.operations import Operations
from aejax.explorer.page import linked, static_files
from aejax.explorer.scene import pack
from aejax.types import InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
WAITING = 256    # requests that wait to be computed, at most
TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html"}


def needs(module: str) -> Any:
    """A module of the extra `explore`.

    Raises:
      InputError: it is not installed; the extra is named.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f"{module.split('.')[0]} is not installed: pip install 'aejax[explore]'") from None


def unpack(value: Any) -> np.ndarray:
    """What `scene.pack` packed, float32 or uint8; from a stranger.

    Raises:
      InputError: it is no such object.
    """
    try:
        dtype = {"float32": "<f4", "uint8": "u1"}[value["dtype"]]
        shape = [int(size) for size in value["shape"]]
        content = base64.b64decode(value["data"], validate=True)
        if min(shape, default=1) < 0 or math.prod(shape) * np.dtype(dtype).itemsize != len(content):
            raise InputError(f"{len(content)} bytes for an array of shape {str(shape)[:100]}")
        return np.frombuffer(content, dtype).reshape(shape)
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("arrays are objects of dtype (float32 or uint8), shape, and data in base64") from None


def answers(operations: Operations) -> dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]:
    """What each path of a POST does with its JSON object."""
    def decode(asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"images": pack(operations.decode(_float(asked, "codes")))}

    def reconstruct(asked: Mapping[str, Any]) -> dict[str, Any]:
        codes, images = operations.reconstruct(_float(asked, "examples"))
        return {"codes": pack(codes), "images": pack(images)}

    def inpaint(asked: Mapping[str, Any]) -> dict[str, Any]:
        example, known = _float(asked, "example"), unpack(_field(asked, "known"))
        if known.shape != example.shape:
            raise InputError(f"known of shape {known.shape} for an example of shape {example.shape}")
        method = str(asked.get("method", "energy"))[:40]
        return {"images": pack(operations.inpaint(example, known.astype(bool), method))}
    return {"/decode": decode, "/reconstruct": reconstruct, "/inpaint": inpaint}


def _field(asked: Mapping[str, Any], name: str) -> Any:
    if name not in asked:
        raise InputError(f"{name} is missing")
    return asked[name]


def _float(asked: Mapping[str, Any], name: str) -> np.ndarray:
    array = unpack(_field(asked, name))
    if array.dtype == np.uint8:
        raise InputError(f"{name} must be float32")
    return array


def application(operations: Operations, scene: Mapping[str, Any], *, hosts: Collection[str] = LOOPBACK,
                addresses: bool = False) -> Callable[..., Any]:
    """The ASGI application, behind its `guard`.

    Args:
      operations: what computes.
      scene: from `scene.compose`.
      hosts, addresses: as for `guard.Guard`.
    """
    applications, exceptions, responses, routing = (needs(f"starlette.{name}") for name in
                                                    ("applications", "exceptions", "responses", "routing"))
    to_thread, anyio = needs("anyio.to_thread"), needs("anyio")
    from aejax.explorer.guard import Guard
    limiter, waiting = anyio.CapacityLimiter(2), 0
    files = {"/": ("text/html", linked()), "/scene.json": ("application/json", json.dumps(scene, allow_nan=False))}
    files |= {f"/static/{name}": (TYPES[name.rpartition(".")[2]], text) for name, text in static_files().items()}

    def error(status: int, reason: str) -> Any:
        return responses.JSONResponse({"error": " ".join(reason.split())}, status)

    def computed(answer: Callable[[Mapping[str, Any]], dict[str, Any]], body: bytes) -> Any:
        try:
            asked = json.loads(body)
            if not isinstance(asked, dict):
                raise InputError("send a JSON object")
            return responses.JSONResponse(answer(asked))
        except InputError as problem:
            return error(422, str(problem))
        except (ValueError, RecursionError):   # also text that is no UTF-8
            return error(400, "the body is no JSON")

    async def get(request: Any) -> Any:
        kind, text = files[request.url.path]
        return responses.Response(text, media_type=kind)

    def post(answer: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
        async def endpoint(request: Any) -> Any:
            nonlocal waiting
            body = await request.body()
            if waiting >= WAITING:
                return error(429, f"{waiting} requests are waiting: ask again later")
            waiting += 1
            try:
                return await to_thread.run_sync(computed, answer, body, limiter=limiter)
            finally:
                waiting -= 1
        return endpoint

    def refused(request: Any, problem: Any) -> Any:
        return error(problem.status_code, {404: "no such page", 405: "no such method here"}.get(
            problem.status_code, problem.detail))
    routes = [routing.Route(path, get) for path in files]
    routes += [routing.Route(path, post(answer), methods=["POST"]) for path, answer in answers(operations).items()]

    def failed(request: Any, problem: Any) -> Any:
        return error(500, "aejax failed here: its terminal says more")
    app = applications.Starlette(routes=routes,
                                 exception_handlers={exceptions.HTTPException: refused, Exception: failed})
    app.router.redirect_slashes = False
    return Guard(app, hosts, addresses)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
      InputError: it is taken, or no address of this machine.
    """
    if not 0 <= port < 2**16:
        raise InputError(f"--port is from 0 to 65535, got {port}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)   # unnamed, asyncio keeps Nagle's delay
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(2048)
        except OSError:
            sock.close()
            raise
        return sock
    except (OSError, UnicodeError) as error:
        raise InputError(f"--host {host} --port {port}: {getattr(error, 'strerror', None) or error}: choose another, "
                         "or leave --port out") from error


def server_of(app: Callable[..., Any]) -> Any:
    """A uvicorn server that says nothing and tries nothing but HTTP/1.1; `.run(sockets=[…])` serves."""
    uvicorn = needs("uvicorn")
    return uvicorn.Server(uvicorn.Config(app, http="h11", ws="none", loop="asyncio", lifespan="off", log_config=None,
                                         access_log=False, server_header=False, timeout_graceful_shutdown=1,
                                         timeout_keep_alive=60))


def serve(app: Callable[..., Any], sock: socket.socket) -> None:
    """Serves until Ctrl-C or SIGTERM, and returns."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)   # as Ctrl-C
    try:
        server_of(app).run(sockets=[sock])
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
        sock.close()
