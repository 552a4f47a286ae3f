import dataclasses
import json
import resource

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import runs
from aejax.recipes import Recipe, build
from aejax.types import InputError

RECIPE = Recipe("sparse", {"name": "dense", "shape": [6, 5, 1], "code_dim": 4, "widths": [7]},
                options={"weight": 0.5})
CONFIG = {"command": "aejax train sparse", "seed": 3, "data": {"shape": (6, 5, 1), "range": (0.0, 1.0)}}


@pytest.fixture(scope="module")
def params(images):
    return build(RECIPE).init(jax.random.key(3), images)


@pytest.fixture
def saved(tmp_path, params):
    runs.save(tmp_path, RECIPE, params, CONFIG)
    return tmp_path


def test_round_trip_is_bitwise(saved, params, images):
    run = runs.load(str(saved))
    chex.assert_trees_all_equal(run.params, params)
    assert jax.tree.structure(run.params) == jax.tree.structure(params)
    assert run.shape == (6, 5, 1) and run.path == saved
    assert build(run.recipe).range == run.ae.range == (0.0, 1.0)
    np.testing.assert_array_equal(run.ae.encode(run.params, images), build(RECIPE).encode(params, images))
    key = jax.random.key(0)   # the variant's options come back too
    assert run.ae.loss(run.params, key, images)[0] == build(RECIPE).loss(params, key, images)[0]


def test_nested_parameters_keep_their_names(tmp_path):
    recipe = Recipe("standard", {"name": "convolutional", "shape": [4, 4, 1], "code_dim": 2, "channels": [4]})
    params = build(recipe).init(jax.random.key(0), np.zeros((1, 4, 4, 1), np.uint8))
    runs.save(tmp_path, recipe, params, CONFIG | {"data": {"shape": [4, 4, 1]}})
    chex.assert_trees_all_equal(runs.load(tmp_path).params, params)


def test_a_parameter_keeps_its_shape_and_order(tmp_path):
    table = np.arange(6, dtype=np.float32).reshape(2, 3)
    params = {"scale": jnp.float32(2), "transposed": table.T}   # of shape (), and not contiguous
    runs.write_params(tmp_path / "params", params)
    ae = build(RECIPE)._replace(init=lambda key, x: params)
    found = runs.read_params(tmp_path / "params", ae, (6, 5, 1))
    assert found["scale"].shape == () and found["scale"] == 2
    np.testing.assert_array_equal(found["transposed"], table.T)


def test_config_is_what_a_stranger_needs(saved):
    config = json.loads((saved / "config.json").read_text())
    assert {"recipe", "command", "seed", "data", "versions", "device", "params_sha256"} <= set(config)
    assert config["recipe"] == dataclasses.asdict(RECIPE)
    assert {"aejax", "python", "jax", "flax", "optax", "numpy"} <= set(config["versions"])
    assert config["versions"]["jax"] == jax.__version__ and "cpu" in config["device"].lower()


def flip_byte(path):
    data = bytearray((path / "params.safetensors").read_bytes())
    data[-3] ^= 1
    (path / "params.safetensors").write_bytes(data)


def edit(path, **changes):
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | changes))


def wrong_safetensors(path):
    import hashlib
    (path / "params.safetensors").write_bytes(b"\xff" * 40)
    edit(path, params_sha256=hashlib.sha256(b"\xff" * 40).hexdigest())


DAMAGES = {
    "flipped byte": (flip_byte, "params.safetensors is not the file that config.json describes"),
    "truncated config": (lambda p: (p / "config.json").write_text((p / "config.json").read_text()[:-30]),
                         "config.json is damaged"),
    "empty config": (lambda p: (p / "config.json").write_text(""), "config.json is damaged"),
    "bytes in config": (lambda p: (p / "config.json").write_bytes(b"\xff\xfe\x00"), "config.json is damaged"),
    "config of another kind": (lambda p: (p / "config.json").write_text("[1]"), "config.json is damaged"),
    "no shape": (lambda p: edit(p, data={}), "config.json is damaged"),
    "recipe of unknown fields": (lambda p: edit(p, recipe={"colour": 1}), "config.json is damaged"),
    "recipe without names": (lambda p: edit(p, recipe={"variant": "sparse", "network": {}}), "config.json is damaged"),
    "unknown variant": (lambda p: edit(p, recipe={"variant": "later", "network": RECIPE.network}),
                        "config.json is damaged .*unknown variant 'later'"),
    "no config": (lambda p: (p / "config.json").unlink(), r"no finished run \(config.json is missing\)"),
    "no parameters": (lambda p: (p / "params.safetensors").unlink(), "params.safetensors is missing"),
    "no safetensors": (wrong_safetensors, "params.safetensors is damaged"),
    "wider recipe": (lambda p: edit(p, recipe=dataclasses.asdict(
        dataclasses.replace(RECIPE, network=RECIPE.network | {"code_dim": 5}))), "does not fit the recipe"),
    "tied recipe": (lambda p: edit(p, recipe=dataclasses.asdict(
        dataclasses.replace(RECIPE, network=RECIPE.network | {"tied": True}))), "does not fit the recipe")}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_run_is_refused_in_one_line(saved, name):
    damage, message = DAMAGES[name]
    damage(saved)
    with pytest.raises(InputError, match=message) as error:
        runs.load(saved)
    assert str(saved) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["nowhere", "a file"])
def test_no_run_there(tmp_path, name):
    (tmp_path / "a file").write_text("")
    with pytest.raises(InputError, match="holds no finished run"):
        runs.load(tmp_path / name)


def test_a_folder_of_runs_names_them(tmp_path, params):
    for name in ("two", "one"):
        runs.save(tmp_path / name, RECIPE, params, CONFIG)
    with pytest.raises(InputError, match="holds several runs: name one of them, one, two"):
        runs.load(tmp_path)
    assert runs.load(tmp_path / "one").shape == (6, 5, 1)


@pytest.mark.parametrize("part", runs.PARTS)
def test_check_folder_refuses_a_run_and_changes_nothing(tmp_path, part):
    (tmp_path / part).mkdir() if part == "figures" else (tmp_path / part).write_text("old")
    with pytest.raises(InputError, match="already holds a run.*--overwrite"):
        runs.check_folder(tmp_path)
    assert runs.check_folder(tmp_path, overwrite=True) == tmp_path
    assert [p.name for p in tmp_path.iterdir()] == [part]


def test_check_folder_takes_new_and_foreign_folders(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert runs.check_folder(tmp_path) == tmp_path
    assert runs.check_folder(tmp_path / "new") == tmp_path / "new" and not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="notes.txt is a file"):
        runs.check_folder(tmp_path / "notes.txt", overwrite=True)


def test_clear_removes_a_run_and_nothing_else(saved):
    (saved / "figures").mkdir()
    (saved / "figures" / "curves.png").write_text("")
    (saved / "notes.txt").write_text("mine")
    (saved / "other" / "figures").mkdir(parents=True)
    runs.clear(saved)
    assert sorted(p.name for p in saved.iterdir()) == ["notes.txt", "other"]
    assert (saved / "other" / "figures").is_dir() and (saved / "notes.txt").read_text() == "mine"
    assert runs.clear(saved / "a" / "b").is_dir()


def test_clear_says_where_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"--output {tmp_path / 'file' / 'run'}"):
        runs.clear(tmp_path / "file" / "run")


def test_one_process_alone_holds_a_run(tmp_path):
    with runs.held(tmp_path / "a" / "run"):
        before = list(tmp_path.rglob("*"))
        with pytest.raises(InputError, match="is writing there"), runs.held(tmp_path / "a" / "run"):
            pass
        assert list(tmp_path.rglob("*")) == before
        assert runs.check_folder(tmp_path / "a" / "run")   # a lock makes no run
    assert not list((tmp_path / "a" / "run").iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"--output {tmp_path / 'file' / 'run'}"), runs.held(tmp_path / "file" / "run"):
        pass


def test_a_full_disk_leaves_the_run_that_was_there(saved, params):
    before = {path: path.read_bytes() for path in saved.iterdir()}
    other = jax.tree.map(lambda leaf: np.asarray(leaf) + 1, params)   # nothing is compiled, and kept, under the limit
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(InputError, match="params.safetensors: cannot be written .File too large"):
            runs.save(saved, RECIPE, other, CONFIG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path: path.read_bytes() for path in saved.iterdir()} == before


def test_write_json_takes_arrays_and_refuses_nan(tmp_path):
    runs.write_json(tmp_path / "x.json", {"a": np.arange(2), "b": np.float32(0.5), "c": RECIPE})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": [0, 1], "b": 0.5, "c": dataclasses.asdict(RECIPE)}
    for bad, kind in ((float("nan"), ValueError), (object(), TypeError)):
        with pytest.raises(kind):
            runs.write_json(tmp_path / "x.json", bad)
    assert json.loads((tmp_path / "x.json").read_text())["b"] == 0.5
