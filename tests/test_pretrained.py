import base64
import http.server
import json
import os
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest

from aejax import pretrained, runs
from aejax.files import SUMS, checksums
from aejax.recipes import Recipe, build
from aejax.types import InputError

RECIPE = Recipe("standard", {"name": "dense", "shape": [3, 2, 1], "code_dim": 2}, {"name": "squared_error"})
PATH = "/home/someone/photos"
ROWS = [{"name": "run", "mse": 0.01234567, "psnr": 19.5},
        {"name": "PCA-2", "mse": 0.02, "psnr": None, "baseline": True}]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of private pictures, with results and a threshold, not trained."""
    path = tmp_path_factory.mktemp("runs") / "own"
    path.mkdir()
    ae = build(RECIPE)
    data = {"name": "photos", "source": f"12 pictures of {PATH}", "sha256": "0", "shape": (3, 2, 1),
            "range": (0.0, 1.0), "notes": [f"skipped {PATH}/me.png"], "load": {"source": PATH, "data_dir": None},
            "standardiser": None}
    training = {"epochs": 7, "batch_size": 5, "learning_rate": 1e-3}
    runs.save(path, RECIPE, ae.init(jax.random.key(0), np.zeros((1, 3, 2, 1))), {
        "status": "done", "steps": 21, "command": f"aejax train standard --data {PATH}", "training": training,
        "seed": 3, "data": data})
    runs.write_json(path / "results.json", {"command": f"aejax {PATH}", "rows": ROWS, "data": {
        "name": "photos", "source": PATH, "notes": [PATH], "test": 1234}})
    runs.write_json(path / "threshold.json", {"score": "error", "threshold": 2.5, "source": {"source": PATH}})
    (path / "report.html").write_text(PATH)
    return path


@pytest.fixture
def saved(run, tmp_path):
    return pretrained.save_pretrained(run, tmp_path / "model", license="cc-by-4.0")


def test_a_folder_is_read_back_as_the_run(run, saved):
    found, own = pretrained.from_pretrained(saved), runs.load(run)
    x = np.random.default_rng(0).uniform(size=(4, 3, 2, 1)).astype(np.float32)
    np.testing.assert_array_equal(found.ae.encode(found.params, x), own.ae.encode(own.params, x))
    assert found.recipe == own.recipe and found.config["seed"] == 3


def test_no_file_says_where_the_data_lay(saved):
    texts = [path.read_bytes() for path in saved.iterdir()]
    assert len(texts) == 6 and not any(b"someone" in text for text in texts)
    assert "command" not in json.loads((saved / "config.json").read_text())


def test_data_that_anyone_can_load_stay_named(run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    for place in (None, PATH):   # AEJAX_DATA_DIR may have named the folder
        data = {**config["data"], "load": {"source": "mnist", "data_dir": place}}
        public = pretrained._public({**config, "data": data})
        assert public["data"]["load"] == {"source": "mnist", "data_dir": None} and public["data"]["source"] == "mnist"
        assert "someone" not in json.dumps(public)


def test_the_card_is_written_from_the_numbers(saved):
    text = (saved / "README.md").read_text()
    assert text.split("---\n")[1].splitlines() == [
        "library_name: aejax", "license: cc-by-4.0", "tags:", "- autoencoder", "- jax", "- standard"]
    assert "# model" in text and "3×2×1 values in [0, 1]: a dense network (code_dim 2)" in text
    assert "for 7 epochs at most, 21 steps of 5 examples, by Adam at 0.001, seed 3" in text
    assert "| run | 0.01235 | 19.5 |\n| *PCA-2* | 0.02 | – |" in text and "1,234 examples" in text
    assert "whose error is above 2.5" in text


def test_what_was_not_measured_is_not_said(run):
    text = pretrained.card("x", json.loads((run / "config.json").read_text()), None, None)
    assert "Not measured" in text and "license" not in text and "Flags" not in text


def test_example_of_the_card_runs(saved, monkeypatch):
    text = (saved / "README.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(saved.parent)
    names = {"x": np.zeros((2, 3, 2, 1), np.float32)}
    exec(compile(code, "card", "exec"), names)
    assert names["again"].shape == (2, 3, 2, 1)


def test_a_changed_file_is_found(saved):
    with (saved / "params.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="params.safetensors changed since it was saved"):
        pretrained.from_pretrained(saved)
    with pytest.raises(InputError, match="has changed since: save the run again"):
        pretrained.push_to_hub(saved, "owner/model")


def test_folders_are_not_replaced_unasked(run, saved, tmp_path):
    with pytest.raises(InputError, match="already holds a run"):
        pretrained.save_pretrained(run, saved)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="exists, and is no run"):
        pretrained.save_pretrained(run, tmp_path / "mine", overwrite=True)
    with pytest.raises(InputError, match="is the run itself"):
        pretrained.save_pretrained(run, run, overwrite=True)
    before = checksums(saved)
    assert pretrained.save_pretrained(run, saved, license="cc-by-4.0", overwrite=True) == saved
    assert checksums(saved) == before == (saved / SUMS).read_text()


@pytest.mark.parametrize("place", ["nowhere", "a/b/c", "../x/y", "owner/na me"])
def test_what_is_no_folder_and_no_repository_is_refused(place):
    with pytest.raises(InputError, match="neither a folder nor a repository"):
        pretrained.from_pretrained(place)


def test_only_saved_folders_go_to_a_hub(run, saved):
    with pytest.raises(InputError, match="is no folder of save_pretrained"):
        pretrained.push_to_hub(run, "owner/model")
    with pytest.raises(InputError, match="is no name of a repository"):
        pretrained.push_to_hub(saved, "model")


def test_without_the_client_the_extra_is_named(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'aejax\[hub\]'"):
        pretrained.push_to_hub(saved, "owner/model")


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's protocol as an upload and a download of small files take."""

    files, requests = {}, []

    def log_message(self, *_):
        pass

    def _answer(self, content, status=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.requests.append((self.path, self.headers.get("Authorization")))
        if self.path == "/api/repos/create":
            return self._answer({"url": f"{self.server.address}/owner/{json.loads(body)['name']}"})
        if self.path == "/api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            return self._answer({"files": [{"path": path, "uploadMode": "regular", "shouldIgnore": False}
                                           for path in paths]})
        if "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return self._answer({"commitUrl": f"{self.server.address}/owner/model/commit/{'a' * 40}",
                                 "commitOid": "a" * 40, "success": True})
        return self._answer({"error": "unknown"}, 404)

    def do_GET(self):
        if self.path.startswith("/api/models/owner/model/tree/"):
            return self._answer([{"type": "file", "path": name, "size": len(content), "oid": "b" * 40}
                                 for name, content in self.files.items()])
        if self.path.startswith("/api/models/owner/model"):
            return self._answer({"id": "owner/model", "sha": "a" * 40, "private": True, "tags": [],
                                 "siblings": [{"rfilename": name} for name in self.files]})
        name = self.path.partition("/resolve/")[2].partition("/")[2]
        if name not in self.files:
            return self._answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        return self._answer(self.files[name], ETag=f'"{hash(self.files[name])}"', X_Repo_Commit="a" * 40)

    do_HEAD = do_GET


@pytest.fixture
def hub():
    pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def in_a_process(code, hub, home):
    """The client reads HF_ENDPOINT when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1",
                   "HF_HUB_DISABLE_TELEMETRY": "1"}
    found = subprocess.run([sys.executable, "-c", f"from aejax import pretrained\n{code}"], env=environment, text=True,
                           capture_output=True, timeout=120)
    return found.stdout.strip(), found.stderr


def test_up_to_a_hub_and_down_again(hub, saved, tmp_path):
    Hub.files.clear()
    output, error = in_a_process(
        f"print(pretrained.push_to_hub({str(saved)!r}, 'owner/model', token='hf_secret'))\n"
        "print(pretrained.from_pretrained('owner/model').config['params_sha256'])", hub, tmp_path / "home")
    config = json.loads((saved / "config.json").read_text())
    assert output.splitlines() == [f"{hub.address}/owner/model", config["params_sha256"]], error
    assert {path for path, _ in Hub.requests} >= {"/api/repos/create", "/api/models/owner/model/commit/main"}
    assert {header for _, header in Hub.requests} == {"Bearer hf_secret"}
    assert Hub.files == {path.name: path.read_bytes() for path in saved.iterdir()}


def test_a_hub_that_refuses_is_one_line(hub, saved, tmp_path, monkeypatch):
    monkeypatch.setattr(Hub, "do_POST", lambda self: self._answer({"error": "forbidden"}, 403))
    _, error = in_a_process(f"pretrained.push_to_hub({str(saved)!r}, 'owner/model', token='hf_secret')", hub,
                            tmp_path / "home")
    assert "InputError: the hub refuses owner/model: " in error.splitlines()[-1] and "403" in error.splitlines()[-1]
    assert "hf_secret" not in error
