import functools
import http.server
import socket
import sys
import threading
import time

import numpy as np
import pytest
from tensorflow_datasets.core.download import checksums, downloader

from aejax import data
from aejax.data import builders, download, idx, published

RETRIES = downloader.MAX_RETRIES
REACHABLE = download._check_reachable   # before conftest replaces it


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]   # bound, and nobody listens


@pytest.fixture
def server(tmp_path, monkeypatch, write_idx):
    """Serves four small IDX files as if they were the published ones; yields (arrays, requests, folder)."""
    folder, requests = tmp_path / "served", []
    arrays = write_idx(folder)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            requests.append(args)
    handler = functools.partial(Handler, directory=str(folder))
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{served.server_address[1]}/"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(builders.AejaxMnist, "URL", url)
    monkeypatch.setattr(download, "_check_reachable", REACHABLE)
    monkeypatch.setitem(published.SHA256, "mnist", tuple(idx.sha256(array) for array in arrays))
    yield arrays, requests, folder, url
    served.shutdown()
    served.server_close()
    thread.join()


def test_a_download_is_prepared_and_kept(server):
    arrays, requests, *_ = server
    dataset = data.load("mnist")
    assert "downloaded" in dataset.source
    np.testing.assert_array_equal(dataset.train[..., 0], arrays[0])
    np.testing.assert_array_equal(dataset.test_labels, arrays[3])
    assert len(requests) == 4
    assert "prepared before" in data.load("mnist").source and len(requests) == 4
    assert not list(data.cache_dir().glob("**/downloads"))


def test_other_content_than_published_is_refused(server, write_idx, refused):
    arrays, _, folder, _ = server
    write_idx(folder, tuple(array[::-1].copy() for array in arrays))
    with refused("not the published set"):
        data.load("mnist")
    assert not list((data.cache_dir() / "mnist").iterdir())


def test_a_wrong_checksum_is_one_line(server, refused, monkeypatch):
    *_, url = server
    wrong = {f"{url}{name}.gz": checksums.UrlInfo(size=1, checksum="0" * 64, filename=f"{name}.gz")
             for name in idx.FILES}
    monkeypatch.setattr(builders.AejaxMnist, "url_infos", wrong)
    with refused("mnist", "NonMatchingChecksumError", "mnist_mini"):
        data.load("mnist")


def running():
    """The frames of all threads."""
    for frame in sys._current_frames().values():
        while frame is not None:
            yield frame
            frame = frame.f_back


@pytest.mark.parametrize("reachable", [True, False])
def test_offline_fails_within_seconds(closed_port, refused, monkeypatch, reachable):
    url = f"http://127.0.0.1:{closed_port}/"
    monkeypatch.setattr(builders.AejaxMnist, "URL", url)
    monkeypatch.setattr(download, "_check_reachable", (lambda url: None) if reachable else REACHABLE)
    start = time.monotonic()
    with refused("mnist", url, "mnist_mini", "--data-dir"):
        data.load("mnist")
    assert time.monotonic() - start < 5
    assert downloader.MAX_RETRIES == RETRIES > 1
    assert not any("_sync_download" in frame.f_code.co_name for frame in running())   # else exit would wait for it
    assert not list(data.cache_dir().glob("mnist/*"))


def test_a_proxy_answers_for_the_host(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    REACHABLE("http://host.invalid/")
