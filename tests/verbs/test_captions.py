import re

import numpy as np
import pytest
from PIL import Image

from aejax import captioning
from aejax import data as sources
from aejax.data.captions import compose
from aejax.data.grammar import Vocabulary
from aejax.verbs import captions as verbs
from aejax.workflows import Training

SMALL = {"slot_dim": 6, "instance_dim": 2, "width": 8, "hidden": 16}
WORDS = Vocabulary("mnist_mini")
CAPTION = "a dark three above two sevens"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("captions") / "run"
    captioning.train_captions(sources.load(), Training(epochs=1, batch_size=16, learning_rate=1e-3), path,
                              compositions=16, command="", network=SMALL, source={"source": "mnist_mini"})
    return path


def test_captions_trains_a_run(aejax, tmp_path, capsys, is_png):
    arguments = ("captions", "--compositions", 8, "--batch-size", 8, "--epochs", 1, "--output", "run")
    assert aejax(*arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "run" / "figures" / "captions.png")
    assert is_png(tmp_path / "run" / "figures" / "captions.png")
    assert aejax(*arguments) == 2 and "run" in capsys.readouterr().err   # there is one already


def test_imagine(aejax, trained, tmp_path, capsys):
    pictures = []
    for name, more in (("a", ()), ("b", ("--seed", 0)), ("c", ("--seed", 0)), ("d", ("--seed", 0, "--spread", 0))):
        assert aejax("imagine", trained, CAPTION, "--output", f"{name}.png", *more) == 0
        assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / f"{name}.png")
        pictures.append(np.asarray(Image.open(tmp_path / f"{name}.png"), int))
    assert pictures[0].shape == (56, 56)
    np.testing.assert_array_equal(pictures[1], pictures[2])
    assert np.abs(pictures[3] - pictures[0]).max() <= 1   # no spread: the typical picture


def test_imagine_draws_what_the_grammar_does_not_have(aejax, trained, caplog, capsys):
    with caplog.at_level("WARNING"):
        assert aejax("imagine", trained, "three three three", "--output", "a.png") == 0
    assert "drawn all the same" in caplog.text + capsys.readouterr().err


REFUSED = {"an unknown word": (("a darc three",), "unknown word 'darc'; the nearest known word is 'dark'"),
           "no word": (("",), "1 to 24 words"), "no picture": ((CAPTION, "--output", "a.txt"), "name a picture"),
           "a seed": ((CAPTION, "--seed", -1), "--seed must be at least 0"),
           "a spread": ((CAPTION, "--spread", -1), "spread")}


@pytest.mark.parametrize("case", REFUSED)
def test_imagine_refuses(aejax, trained, tmp_path, capsys, case):
    arguments, words = REFUSED[case]
    assert aejax("imagine", trained, *arguments) == 2
    assert words in re.sub(r"\s+", " ", capsys.readouterr().err)
    assert not list(tmp_path.glob("*.*"))


def test_describe(aejax, trained, tmp_path, capsys, monkeypatch):
    """Lines for all pictures, each a caption of the grammar; damaged pictures are named."""
    few = [WORDS.parse(text) for text in (CAPTION, "a three", "two zeros at the left")]
    monkeypatch.setattr(verbs, "scenes", lambda nouns: iter(few))
    digits = sources.load()
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, picture in zip("ab", compose(few[:2], digits.train, digits.train_labels, seed=0), strict=True):
        Image.fromarray(picture[..., 0]).save(folder / f"{name}.png")
    assert aejax("describe", trained, folder / "a.png") == 0
    assert WORDS.parse(capsys.readouterr().out.strip()) in few
    (folder / "c.png").write_bytes(b"no picture")
    assert aejax("describe", trained, folder) == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["a", "b"]
    assert all(WORDS.parse(line.split(": ")[1]) in few for line in lines)


@pytest.mark.parametrize("arguments", [("captions", "--data", "mnits"), ("captions", "--compositions", 3),
                                       ("captions", "--epochs", 0)])
def test_captions_refuses(aejax, tmp_path, capsys, arguments):
    assert aejax(*arguments) == 2 and capsys.readouterr().err
    assert not list(tmp_path.iterdir())
