import gzip
import hashlib

import numpy as np
import pytest

from aejax.data import idx


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dots", [True, False])
def test_files_are_read_as_they_were_written(tmp_path, write_idx, packed, dots):
    written = write_idx(tmp_path, packed=packed, dots=dots)
    read = idx.read_set(idx.find(tmp_path))
    for a, b in zip(written, read, strict=True):
        np.testing.assert_array_equal(a, b)
        assert b.dtype == np.uint8


def test_checksum_is_that_of_the_plain_file(tmp_path, write_idx):
    arrays = write_idx(tmp_path, packed=False)
    for path, array in zip(idx.find(tmp_path), arrays, strict=True):
        assert idx.sha256(array) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_without_any_has_none(tmp_path):
    assert idx.find(tmp_path) is None


def test_an_incomplete_set_is_refused(tmp_path, write_idx, refused):
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with refused(tmp_path, "t10k-labels-idx1-ubyte"):
        idx.find(tmp_path)


IMAGES = bytes((0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2)) + bytes(8)


@pytest.mark.parametrize(("data", "reason"), [
    (gzip.compress(IMAGES, mtime=0)[:-4], "cannot be read"),
    (gzip.compress(IMAGES, mtime=0)[:20], "cannot be read"),
    (gzip.compress(IMAGES, mtime=0)[:-8] + bytes(8), "cannot be read"),           # wrong checksum
    (b"\x1f\x8bnonsense", "cannot be read"),
    (b"", "starts with nothing"),
    (b"PK\3\4" + bytes(30), "504b0304"),
    (IMAGES[:3] + b"\1" + IMAGES[4:], "expected 00000803"),              # labels where images belong
    (IMAGES[:2] + b"\x0d" + IMAGES[3:], "expected 00000803"),            # floats
    (IMAGES[:-1], "promises 8 bytes, it holds 7"),
    (IMAGES + b"x", "promises 8 bytes, it holds more"),
    (IMAGES[:4] + b"\xff" * 12, "GiB"),
])
def test_damage_is_refused_by_name(tmp_path, refused, data, reason):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with refused(path, reason, "replace the file"):
        idx.read(path, 3)


def test_an_absent_file_is_refused(tmp_path, refused):
    with refused(tmp_path / "absent", "No such file"):
        idx.read(tmp_path / "absent", 3)


def test_files_that_do_not_belong_together_are_refused(tmp_path, write_idx, refused):
    a, b, c, d = write_idx(tmp_path)
    for arrays, name in [((a, b[:-1], c, d), idx.FILES[1]), ((a, b, c, d[:-1]), idx.FILES[3]),
                         ((a, b, c[:, :20], d), idx.FILES[2]), ((a, b + 10, c, d), idx.FILES[1]),
                         ((a[:0], b[:0], c, d), idx.FILES[0])]:
        write_idx(tmp_path, arrays)
        with refused(name):
            idx.read_set(idx.find(tmp_path))
