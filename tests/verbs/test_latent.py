import numpy as np
import pytest


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """200 points of a curved 2-D sheet in 12 dimensions, some twice, as .npy within [0, 1]."""
    s, t = np.random.default_rng(0).uniform(size=(2, 200))
    x = np.stack([0.5 + 0.5 * np.sin(a * s + b * t) for a in (1, 3, 5, 7) for b in (0, 2, 4)], axis=1)
    path = tmp_path_factory.mktemp("plane") / "plane.npz"
    np.savez(path, train=np.concatenate([x, x[:5]]).astype(np.float32), test=x[:9].astype(np.float32))
    return path


def test_suggest_code_dim(aejax, plane, capsys):
    assert aejax("suggest-code-dim", plane) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["advice", "dimensions", "from"] and "200 points" in lines[1]
    intrinsic, pairs = (float(line.split()[3]) for line in lines[1:3])
    assert intrinsic == pytest.approx(2, abs=0.4) and pairs == pytest.approx(2, abs=0.5)
    assert lines[-1].startswith("recommended: --code-dim 5 (5 principal components hold 95 %")
    assert "5 training examples equal another one" in err


def test_suggest_code_dim_by_training(aejax, plane, capsys):
    assert aejax("suggest-code-dim", plane, "--sweep", "--epochs", "2", "--seeds", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["2", "4", "8"]
    assert "knee" in lines[-1] and "recommended: --code-dim " in lines[-1]


@pytest.mark.parametrize(("arguments", "parts"), [
    (["./nowhere"], ["no such file"]), (["few.npy"], ["10 neighbours need at least 11"]),
    (["few.npy", "--neighbours", "1"], ["--neighbours must be at least 2"]),
    (["few.npy", "--neighbours", "4"], ["TwoNN: 7 points"]),
    (["few.npy", "--seeds", "0", "--sweep"], ["--seeds must be at least 1"])])
def test_bad_input(aejax, tmp_path, noise, capsys, arguments, parts):
    np.save(tmp_path / "few.npy", noise[:9])
    assert aejax("suggest-code-dim", *arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("aejax: ") and all(part in error for part in parts), error
