import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from aejax import networks, variants
from aejax.applications import compression
from aejax.applications.entropy_coding import ideal_bits
from aejax.types import InputError


@pytest.mark.parametrize("count", [0, 1, 64])
def test_what_comes_back_is_what_the_decoder_makes_of_the_codes(codec, images, count):
    x = images[:count]
    found = compression.decompress(codec, compression.compress(codec, x), count)
    assert found.shape == x.shape and found.dtype == np.uint8
    if count:
        expected = codec.ae.decode(codec.params, codec.ae.encode(codec.params, x))
        np.testing.assert_allclose(found, np.asarray(expected) * 255, atol=0.51)


def test_more_pictures_than_a_batch(codec, images):
    many = np.tile(images, (5, 1, 1, 1))   # 320, two batches
    codes = compression.integer_codes(codec.ae, codec.params, many)
    np.testing.assert_array_equal(codes, np.tile(codes[:64], (5, 1)))
    data = compression.compress(codec, many)
    np.testing.assert_array_equal(compression.decompress(codec, data, 320)[:64],
                                  compression.decompress(codec, compression.compress(codec, images), 64))
    ideal = ideal_bits(codes, codec.tables)
    assert ideal <= 8 * len(data) <= 1.01 * ideal + 64


def test_a_code_does_not_depend_on_its_company(codec, images):
    alone = [compression.integer_codes(codec.ae, codec.params, images[i: i + 1])[0] for i in (0, 40)]
    np.testing.assert_array_equal(alone, compression.integer_codes(codec.ae, codec.params, images)[[0, 40]])


def test_codes_outside_the_tables_go_to_the_nearest_level(codec, images):
    tables = codec.tables._replace(low=codec.tables.low + 1000)
    found = compression.decompress(codec._replace(tables=tables), compression.compress(
        codec._replace(tables=tables), images), 64)
    expected = compression.decoded(codec.ae, codec.params, np.repeat(tables.low[None], 64, axis=0))
    np.testing.assert_array_equal(found, compression.to_bytes(expected))


def test_codes_that_are_no_integers_are_refused(dense, images):
    ae = variants.standard(dense)
    with pytest.raises(InputError, match="train a quantised autoencoder"):
        compression.fit_codec(ae, ae.init(jax.random.key(0), images), images)


def test_other_arithmetic_is_noticed(codec):
    """Of products in bfloat16; rounding errors of another order of sums are not."""
    written = compression.probe(codec)
    compression.check_probe(codec, written)
    network = networks.Dense(shape=(6, 5, 1), code_dim=4, code_activation="identity", precision="bfloat16")
    nearly = jax.tree.map(lambda leaf: leaf * (1 + 1e-6), codec.params)
    compression.check_probe(codec._replace(params=nearly), written)
    with pytest.raises(InputError, match="arithmetic differs"):
        compression.check_probe(codec._replace(ae=variants.quantised(network)), written)


SCRIPT = """
import sys, jax, numpy as np
from aejax import networks, variants
from aejax.applications import compression
x = np.load("x.npy")
ae = variants.quantised(networks.Dense(shape=x.shape[1:], code_dim=32, widths=(256,), code_activation="identity"))
codec = compression.fit_codec(ae, ae.init(jax.random.key(0), x), x)
sys.stdout.buffer.write(compression.compress(codec, x))
"""


def test_bytes_are_the_same_for_any_number_of_threads(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (280, 28, 28, 1), np.uint8))
    flags = os.environ.get("XLA_FLAGS", "")
    many, one = (subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, check=True, env={
        **os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "XLA_FLAGS": f"{flags} {more}"}).stdout for more in (
            "", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"))
    assert many == one and len(one) > 1000
