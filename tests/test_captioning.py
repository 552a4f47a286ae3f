import json

import jax
import numpy as np
import pytest

from aejax import captioning, data, runs
from aejax.applications.captions import imagine
from aejax.types import InputError
from aejax.workflows import Training

SMALL = {"slot_dim": 6, "instance_dim": 2, "width": 8, "hidden": 16}
TRAINING = Training(epochs=1, batch_size=16, learning_rate=1e-3, seed=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("captions") / "run"
    return captioning.train_captions(data.load(), TRAINING, path, compositions=32, command="", network=SMALL,
                                     source={"source": "mnist_mini"})


def test_a_run_is_read_back_as_it_was(run):
    assert (run.path / "figures" / "captions.png").read_bytes().startswith(b"\x89PNG")
    config = json.loads((run.path / "config.json").read_text())
    assert config["status"] == "done" and config["steps"] == 2 and config["compositions"] == 32
    assert len((run.path / "metrics.jsonl").read_text().splitlines()) == 1
    again = captioning.load_captions(run.path)
    np.testing.assert_array_equal(*(imagine(each.ae, each.params, each.vocabulary, ["two small threes at the left"])
                                    for each in (run, again)))


def test_runs_of_captions_and_other_runs_are_told_apart(run, tmp_path):
    with pytest.raises(InputError, match="a run of captions, which aejax imagine"):
        runs.load(run.path)
    other = tmp_path / "run"
    other.mkdir()
    for name in ("config.json", "params.safetensors"):
        (other / name).write_bytes((run.path / name).read_bytes())
    config = json.loads((other / "config.json").read_text())
    config["recipe"]["variant"] = "standard"
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="no run of captions but of a standard autoencoder"):
        captioning.load_captions(other)
    config["recipe"] |= {"variant": runs.CAPTIONS, "options": {}}
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="damaged"):
        captioning.load_captions(other)


def test_the_rate_rises_and_falls():
    """Of constant gradients Adam's steps are the rate: of 100 steps it rises during ten."""
    optimizer = captioning.optimizer_of(1.0, 100)
    state, rates = optimizer.init(np.zeros(1)), []
    update = jax.jit(optimizer.update)
    for _ in range(101):
        step, state = update(np.ones(1), state)
        rates.append(-float(step[0]))
    assert rates[0] == 0 and rates[5] == pytest.approx(0.5, abs=0.01) and max(rates) == pytest.approx(1, abs=0.01)
    assert np.argmax(rates) == 10 and rates[-1] == pytest.approx(0, abs=1e-3)


def test_what_cannot_be_trained_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="fewer than a batch of 16"):
        captioning.train_captions(data.load(), TRAINING, tmp_path / "run", compositions=15, command="")
    assert not list(tmp_path.iterdir())
