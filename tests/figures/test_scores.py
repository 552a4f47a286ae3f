import numpy as np
import pytest
from PIL import Image

from aejax import figures


@pytest.mark.parametrize("scale", ["linear", "log", "one value"])
def test_histogram_of_any_scores(tmp_path, scale):
    rng = np.random.default_rng(0)
    scores = {"linear": rng.normal(size=50), "log": np.exp(3 * rng.normal(size=50)), "one value": np.full(5, 2.0)
              }[scale]
    figures.score_histogram(tmp_path / "scores.png", {"held out": scores, "odd": scores + 1, "none": scores[:0]},
                            threshold=float(scores.max()), score="reconstruction")
    picture = np.asarray(Image.open(tmp_path / "scores.png").convert("RGB"))
    assert picture.min() == 0 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20   # black line, coloured bars
