import json

import numpy as np
import pytest

from aejax import pretrained


def test_a_published_run_is_a_run(aejax, made, tmp_path, capsys, noise):
    assert aejax("publish", made / "run", "--output", "model", "--license", "apache-2.0") == 0
    folder = tmp_path / "model"
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    card = (folder / "README.md").read_text()
    assert "license: apache-2.0" in card and "PCA" in card and str(made) not in card
    np.save("noise.npy", noise)
    assert aejax("evaluate", "model", "--data", "noise.npy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"]
    assert aejax("evaluate", "model") == 2   # it does not say where its data lay
    assert "name them with --data" in capsys.readouterr().err


def test_a_folder_is_replaced_when_told(aejax, made, capsys):
    assert aejax("publish", made / "run", "--output", "model") == 0
    assert aejax("publish", made / "run", "--output", "model") == 2
    assert "already holds a run" in capsys.readouterr().err
    assert aejax("publish", made / "run", "--output", "model", "--overwrite") == 0


@pytest.mark.parametrize(("flags", "message"), [
    (("--public",), "add --hub OWNER/NAME"), (("--hub", "model"), "is no name of a repository")])
def test_what_does_not_fit_is_refused(aejax, made, capsys, flags, message):
    assert aejax("publish", made / "run", "--output", "model", *flags) == 2
    assert message in capsys.readouterr().err


def test_the_upload_s_address_comes_last(aejax, made, tmp_path, capsys, monkeypatch):
    sent = {}
    monkeypatch.setattr(pretrained, "push_to_hub", lambda folder, repository, **options: sent.update(
        folder=folder, repository=repository, **options) or "http://hub/owner/name")
    assert aejax("publish", made / "run", "--output", "model", "--hub", "owner/name", "--public") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "http://hub/owner/name"
    assert sent == {"folder": tmp_path / "model", "repository": "owner/name", "private": False}
