import struct
import zlib

import numpy as np
import pytest

from aejax.applications.compressed_file import (
    HEAD,
    CompressedFile,
    check_contents,
    check_model,
    cut,
    joined,
    pack,
    unpack,
)
from aejax.types import InputError

RNG = np.random.default_rng(0)
FILE = CompressedFile(True, "0123456789abcdef" * 4, (28, 20, 3), 70_000, bytes(range(8)), b"payload" * 3,
                      ("a/b.png", "ü.jpg"), ((28, 20), (300, 41)))


def test_everything_comes_back():
    found = unpack(pack(FILE))
    assert found == FILE._replace(model="0123456789abcdef")
    plain = CompressedFile(False, "f" * 64, (1, 1, 1), 0, bytes(8), b"", array="noise")
    assert unpack(pack(plain)) == plain._replace(model="f" * 16)


def test_a_file_without_names_adds_less_than_fifty_bytes():
    assert len(pack(FILE._replace(names=(), sizes=()))) - len(FILE.data) < 50


def test_every_flipped_byte_is_refused_by_name():
    whole = pack(FILE)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        with pytest.raises(InputError, match="^x.aej ") as error:
            unpack(bytes(damaged), "x.aej")
        assert "\n" not in str(error.value)


def test_every_truncation_is_refused_by_name():
    whole = pack(FILE)
    for length in range(len(whole)):
        with pytest.raises(InputError, match="^x.aej is (truncated|no compressed file)"):
            unpack(whole[:length], "x.aej")
    with pytest.raises(InputError, match="too long"):
        unpack(whole + b"\0", "x.aej")


def test_foreign_files_versions_and_models_are_refused():
    with pytest.raises(InputError, match="x.png is no compressed file of aejax"):
        unpack(b"\x89PNG" + bytes(100), "x.png")
    with pytest.raises(InputError, match="is of version 2 of the format"):
        unpack(pack(FILE)[:4] + b"\x02" + pack(FILE)[5:])
    check_model(FILE, FILE.model, "x.aej", "runs/a")
    with pytest.raises(InputError, match="x.aej was written with another model .0123456789abcdef. than that of runs/b"):
        check_model(FILE, "1" + FILE.model[1:], "x.aej", "runs/b")


def resealed(file, told):
    """A file whose checksum is right and whose description is not."""
    bare = pack(file._replace(names=(), sizes=(), array=""))
    described = zlib.compress(told)
    content = bytearray(bare[: HEAD.size] + described + file.data)
    struct.pack_into("<Q", content, 6, len(content) + 4)
    struct.pack_into("<I", content, HEAD.size - 4, len(described))
    return bytes(content) + struct.pack("<I", zlib.crc32(content))


@pytest.mark.parametrize("told", [
    b"[1, 2]", b"{", b'{"sizes": 3}', b'{"sizes": [[1]]}', b'{"sizes": [["a", 2]]}', b'{"names": ' + b"[" * 10**5,
    pytest.param(b'{"array": "' + bytes(2**26) + b'"}', id="unfolds without end")])
def test_a_description_that_is_none_is_one_line(told):
    with pytest.raises(InputError, match="^x.aej does not hold what it says") as error:
        unpack(resealed(FILE, told), "x.aej")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [
    {"shape": (28, 28, 3)}, {"count": 2**32 - 1, "names": (), "sizes": ()}, {"count": 178}, {"sizes": ((28, 20),)},
    {"sizes": ((28, 20), (300, -41))}, {"names": ("a.png", "b.png", "c.png")}])
def test_numbers_that_contradict_each_other_are_refused(change):
    own = FILE._replace(count=1 + 11 * 3)
    check_contents(own, (28, 20, 3), "x.aej")
    with pytest.raises(InputError, match="^x.aej does not hold what it says"):
        check_contents(own._replace(**change), (28, 20, 3), "x.aej")


def test_too_much_for_one_file_is_refused():
    with pytest.raises(InputError, match="too much for one file: compress them in parts"):
        pack(FILE._replace(count=2**32 - 1))


@pytest.mark.parametrize("sizes", [[(4, 4)], [(1, 1), (9, 3)], [(4, 8), (5, 5), (12, 1)], []])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_size_come_back_from_their_tiles(sizes, channels):
    pictures = [RNG.integers(0, 256, (*size, channels), np.uint8) for size in sizes]
    tiles = [cut(picture, (4, 4, channels)) for picture in pictures]
    again = joined(np.concatenate([np.zeros((0, 4, 4, channels), np.uint8), *tiles]), sizes)
    assert [picture.shape for picture in again] == [picture.shape for picture in pictures]
    assert all(np.array_equal(*pair) for pair in zip(pictures, again, strict=True))


def test_tiles_lie_row_by_row_and_borders_repeat():
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    np.testing.assert_array_equal(cut(picture, (2, 2, 1))[..., 0], [[[0, 1], [3, 4]], [[2, 2], [5, 5]]])
