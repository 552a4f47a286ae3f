import jax
import numpy as np
import pytest

from aejax import codecs, runs
from aejax.recipes import Recipe, build
from aejax.types import InputError

NETWORK = {"name": "dense", "shape": [6, 5, 1], "code_dim": 4}


def saved(folder, images, variant="quantised", **options):
    recipe = Recipe(variant, NETWORK)
    ae = build(recipe)
    params = ae.init(jax.random.key(0), images)
    runs.save(folder, recipe, params, {"data": {"shape": [6, 5, 1]}})
    if variant == "quantised":
        codecs.prepare(folder, ae, params, images, **options)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory, images):
    return saved(tmp_path_factory.mktemp("runs") / "whole", images, pixel_epochs=1)


def test_a_run_is_read_back_and_files_go_through(whole, images):
    own = codecs.load_codec(runs.load(whole), exact=True)
    assert len(own.digest) == 64
    for exact in (False, True):
        content = codecs.write(own, images[:9], pixels=exact, array="noise")
        file, found = codecs.read(own, content)
        assert file.pixels == exact and file.array == "noise" and found.shape == (9, 6, 5, 1)
        assert np.array_equal(found, images[:9]) or not exact


def test_the_digest_is_of_tables_and_parameters(whole, tmp_path, images):
    again = codecs.load_codec(runs.load(saved(tmp_path / "again", images, pixel_epochs=1))).digest
    other = codecs.load_codec(runs.load(saved(tmp_path / "other", images[:40], pixel_epochs=1)))
    assert again == codecs.load_codec(runs.load(whole)).digest != other.digest
    content = codecs.write(codecs.load_codec(runs.load(whole)), images[:2])
    with pytest.raises(InputError, match="x.aej was written with another model"):
        codecs.read(other, content, "x.aej", "runs/other")


def test_a_run_that_cannot_says_which_command_trains_one(tmp_path, images):
    with pytest.raises(InputError, match="cannot compress.*aejax train quantised$"):
        codecs.load_codec(runs.load(saved(tmp_path / "standard", images, "standard")))
    run = runs.load(saved(tmp_path / "lossy", images))
    own = codecs.load_codec(run)
    with pytest.raises(InputError, match="no model of pixels.*aejax train quantised --pixel-epochs 5$"):
        codecs.load_codec(run, exact=True)
    with pytest.raises(InputError, match="needs a model of pixels"):
        codecs.write(own, images, pixels=True)
    with pytest.raises(InputError, match=r"got examples of shape \(30,\)"):
        codecs.train_pixels(own.codec, images.reshape(64, 30), epochs=1)


def test_damage_is_refused(whole, tmp_path, images):
    path = saved(tmp_path / "run", images) / runs.CODEC
    run, content = runs.load(path.parent), path.read_bytes()
    path.write_bytes(content[:40])
    with pytest.raises(InputError, match="compression.safetensors is damaged"):
        codecs.load_codec(run)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="no distributions"):
        codecs.load_codec(run)
    other = runs.load(whole)
    path.write_bytes(content)
    (whole.parent / "mixed").mkdir()
    for part in ("config.json", "params.safetensors"):
        (whole.parent / "mixed" / part).write_bytes((whole / part).read_bytes())
    mixed = content.replace(other.config["params_sha256"].encode(), b"0" * 64)
    (whole.parent / "mixed" / runs.CODEC).write_bytes(mixed)
    with pytest.raises(InputError, match="belongs to other parameters"):
        codecs.load_codec(runs.load(whole.parent / "mixed"))
