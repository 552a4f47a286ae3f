import base64
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from aejax.explorer import server
from aejax.explorer.guard import BODY
from aejax.explorer.scene import pack
from aejax.types import InputError


def ask(port, path, value=None, *, method=None, **headers):
    """Status, headers and what JSON says; `value` is posted as JSON, bytes as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {name.replace("_", "-"): text for name, text in headers.items()}
    body = value if isinstance(value, (bytes, type(None))) else json.dumps(value)
    if body is not None:
        headers = {"Content-Type": "application/json"} | headers
    connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    kind = answer.headers["content-type"]
    return answer.status, answer.headers, json.loads(content) if kind == "application/json" else content.decode()


def codes(count=1, width=4, value=0.5):
    return {"codes": pack(np.full((count, width), value, np.float32))}


def test_the_page_and_its_parts(port, composed):
    status, headers, text = ask(port, "/")
    assert status == 200 and "static/main.js" in text and "http" not in text.replace('lang="en"', "")
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert ask(port, "/static/forward.js")[0] == ask(port, "/static/style.css")[0] == 200
    assert ask(port, "/scene.json")[2] == json.loads(json.dumps(composed[0]))


def test_decoded_as_jax_does(port, run):
    z = np.random.default_rng(0).normal(size=(17, 4)).astype(np.float32)
    for some in (z[:1], z):
        _, _, found = ask(port, "/decode", {"codes": pack(some)})
        expected = np.asarray(run.ae.decode(run.params, some)) / 2 + 0.5   # from [-1, 1] to the page's scale
        np.testing.assert_allclose(server.unpack(found["images"]), expected, atol=1e-6)


def test_reconstructed_and_filled_in(port, run):
    x = np.random.default_rng(0).random((1, 6, 5, 1), np.float32)
    _, _, found = ask(port, "/reconstruct", {"examples": pack(x)})
    np.testing.assert_allclose(server.unpack(found["codes"]), run.ae.encode(run.params, 2 * x - 1), atol=1e-5)
    known = (np.arange(30).reshape(x.shape) < 12).astype(np.uint8)
    for method in ("energy", "projection"):
        _, _, found = ask(port, "/inpaint", {"example": pack(x), "known": pack(known), "method": method})
        filled = server.unpack(found["images"])
        assert (filled[known == 1] == x[known == 1]).all() and (filled[known == 0] != x[known == 0]).any()


NAN = pack(np.full((1, 4), np.nan, np.float32))
BAD = [
    (404, "/../../etc/passwd", None, "no such page"), (404, "/static/../scene.py", None, "no such page"),
    (404, "/static/%2e%2e/scene.py", None, "no such page"), (404, "/params.safetensors", None, "no such page"),
    (405, "/decode", None, "no such method"), (405, "/", {}, "no such method"),
    (400, "/decode", b"{", "no JSON"), (400, "/decode", b"\xff\xfe", "no JSON"), (400, "/decode", b"", "no JSON"),
    (400, "/decode", b"[" * 100_000, "no JSON"), (422, "/decode", [1], "JSON object"),
    (422, "/decode", {}, "codes is missing"), (422, "/decode", {"codes": [[0.5] * 4]}, "dtype"),
    (422, "/decode", {"codes": {"dtype": "float64", "shape": [1, 4], "data": ""}}, "dtype"),
    (422, "/decode", {"codes": {"dtype": "float32", "shape": [-1, -4], "data": NAN["data"]}}, "16 bytes"),
    (422, "/decode", {"codes": {"dtype": "float32", "shape": [10**12, 10**12], "data": ""}}, "0 bytes"),
    (422, "/decode", {"codes": {"dtype": "float32", "shape": [float("inf")], "data": ""}}, "dtype"),
    (422, "/decode", {"codes": {"dtype": "float32", "shape": [1, 4], "data": "?"}}, "dtype"),
    (422, "/decode", {"codes": pack(np.zeros((1, 4), np.uint8))}, "float32"), (422, "/decode", {"codes": NAN}, "NaN"),
    (422, "/decode", codes(width=5), "shape (1, 5)"), (422, "/decode", codes(65), "65 codes"),
    (422, "/decode", codes(0), "0 codes"), (422, "/decode", {"codes": pack(np.array(1, np.float32))}, "shape ()"),
    (422, "/reconstruct", {"examples": pack(np.full((1, 6, 5, 1), 2, np.float32))}, "0 to 1"),
    (422, "/inpaint", {"example": pack(np.zeros((1, 6, 5, 1), np.float32)), "known": pack(np.zeros((1, 6, 5, 1),
     np.uint8))}, "known"),
    (422, "/inpaint", {"example": pack(np.zeros((1, 6, 5, 1), np.float32)), "known": pack(np.ones((1, 6), np.uint8))},
     "shape (1, 6)"),
    (422, "/inpaint", {"example": pack(np.zeros((1, 6, 5, 1), np.float32)), "known": pack(np.ones((1, 6, 5, 1),
     np.uint8)), "method": {"a": "b"}}, "unknown method"),
]


@pytest.mark.parametrize(("status", "path", "value", "said"), BAD, ids=range(len(BAD)))
def test_bad_requests_get_one_line(port, status, path, value, said):
    found, headers, answer = ask(port, path, value)
    assert found == status and said in answer["error"] and "\n" not in answer["error"] and len(answer["error"]) < 300
    assert "default-src 'self'" in headers["content-security-policy"]
    assert ask(port, "/decode", codes())[0] == 200   # and the server goes on


def test_strangers_are_refused(port):
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "", "10.0.0.1"):
        assert ask(port, "/", Host=host)[0] == 403
    for host in (f"localhost:{port}", "localhost", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert ask(port, "/", Host=host)[0] == 200
    assert ask(port, "/decode", codes(), Origin="http://evil.example")[0] == 403
    assert ask(port, "/decode", codes(), Origin=f"http://127.0.0.1:{port}")[0] == 200
    assert ask(port, "/decode", codes(), Content_Type="text/plain")[0] == 415


def test_a_large_body_is_refused_and_the_client_hears_why(port):
    status, _, answer = ask(port, "/decode", b" " * (100 * 2**20))
    assert status == 413 and "too large" in answer["error"]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:   # one that does not say its length
        plain.sendall(f"POST /decode HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(BODY // 2**20 + 1):
            plain.sendall(b"100000\r\n" + b" " * 2**20 + b"\r\n")
        plain.sendall(b"0\r\n\r\n")
        assert plain.recv(2**16).startswith(b"HTTP/1.1 413")
    assert ask(port, "/decode", codes())[0] == 200


def test_the_length_alone_is_enough_to_be_refused(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        plain.sendall(f"POST /decode HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
                      "Content-Length: 104857600\r\n\r\n".encode())
        assert plain.recv(2**16).startswith(b"HTTP/1.1 413")


def test_many_at_once_are_served_or_refused(port):
    with ThreadPoolExecutor(100) as pool:
        statuses = list(pool.map(lambda i: ask(port, "/decode", codes(value=i / 300))[0], range(300)))
    assert set(statuses) <= {200, 429} and 200 in statuses


def test_more_than_can_wait_are_refused(operations, composed, in_thread, monkeypatch):
    monkeypatch.setattr(server, "WAITING", 1)
    blocked, entered = threading.Event(), threading.Event()

    class Slow(type(operations)):
        def decode(self, codes):
            entered.set()
            assert blocked.wait(30)
            return super().decode(codes)
    slow = Slow(operations.run, (operations.low, operations.high), operations.prior)
    with in_thread(server.application(slow, composed[0])) as port, ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, port, "/decode", codes())
        assert entered.wait(30)
        status, _, answer = ask(port, "/decode", codes())
        blocked.set()
        assert status == 429 and "waiting" in answer["error"] and first.result()[0] == 200


def test_a_defect_is_one_line_too(operations, composed, in_thread, capfd, caplog):
    class Broken(type(operations)):
        def decode(self, codes):
            raise RuntimeError("secret")
    broken = Broken(operations.run, (operations.low, operations.high), operations.prior)
    with in_thread(server.application(broken, composed[0])) as port:
        status, _, answer = ask(port, "/decode", codes())
    assert status == 500 and "secret" not in answer["error"] and "Traceback" not in answer["error"]


def test_arrays_survive_the_way():
    rng = np.random.default_rng(0)
    for array in (rng.normal(size=(2, 3)).astype(np.float32), rng.integers(0, 256, (4, 1), np.uint8)):
        packed = pack(array)
        assert base64.b64decode(packed["data"]) == array.tobytes()
        np.testing.assert_array_equal(server.unpack(packed), array)


def test_a_taken_port_and_a_foreign_address():
    with server.listen("127.0.0.1", 0) as sock, pytest.raises(InputError, match="--port"):
        server.listen("127.0.0.1", sock.getsockname()[1])
    for host, port in (("203.0.113.1", 0), ("no such host", 0), ("127.0.0.1", 70_000)):
        with pytest.raises(InputError, match="--port"):
            server.listen(host, port)


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(InputError, match=r"no_such_thing is not installed: pip install 'aejax\[explore\]'"):
        server.needs("no_such_thing.routing")
