import numpy as np
import pytest
from PIL import Image

from aejax.files import InputError
from aejax.measured_noise import noise_of

RNG = np.random.default_rng(0)
CLEAN = [np.repeat(np.linspace(0.2, 0.8, 8 * columns).reshape(1, -1), 64, axis=0) for columns in (8, 12)]
NOISY = [x + np.sqrt(0.01 * x + 0.002) * RNG.normal(size=x.shape) for x in CLEAN]


def save(path, x):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(np.clip(x, 0, 1) * 65535).astype(np.uint16)).save(path)


@pytest.fixture
def pairs(tmp_path):
    for i, (noisy, clean) in enumerate(zip(NOISY, CLEAN, strict=True)):
        save(tmp_path / "noisy" / f"{i}.png", noisy)
        save(tmp_path / "clean" / f"{i}.tif", clean)
    return tmp_path


def test_pairs_and_flat_regions_of_unequal_pictures(pairs):
    truth = 0.01 * 0.5 + 0.002
    for place in (pairs, pairs / "noisy", pairs / "noisy" / "1.png"):
        level = noise_of(place)
        assert level.slope * 0.5 + level.floor == pytest.approx(truth, rel=0.1)
    assert noise_of(pairs).slope == pytest.approx(0.01, rel=0.3)


def test_what_is_refused(pairs):
    save(pairs / "clean" / "1.tif", CLEAN[0])
    with pytest.raises(InputError, match="noisy/1.png: .64, 96, 1., but its clean pair is .64, 64, 1."):
        noise_of(pairs)
    (pairs / "clean" / "1.tif").unlink()
    with pytest.raises(InputError, match="noisy: 1 has no pair in the other folder"):
        noise_of(pairs)
    (pairs / "clean").rename(pairs / "other")
    with pytest.raises(InputError, match="has no folder clean beside it"):
        noise_of(pairs)
    (pairs / "noisy").rename(pairs / "grainy")
    (pairs / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no picture"):
        noise_of(pairs / "empty")
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        noise_of(pairs / "nowhere")
    save(pairs / "flat" / "a.png", np.full((32, 32), 0.5))
    with pytest.raises(InputError, match="flat: no noise was found"):
        noise_of(pairs / "flat")
