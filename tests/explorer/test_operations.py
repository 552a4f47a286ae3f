import chex
import jax
import numpy as np
import pytest

from aejax.applications.inpainting import minimise_energy, project
from aejax.explorer import operations as asked
from aejax.explorer.operations import Operations
from aejax.types import InputError


def test_any_number_of_codes_by_two_programs(operations, run, monkeypatch):
    sizes = set()
    monkeypatch.setattr(asked, "decode", lambda ae, params, codes: sizes.add(len(codes)) or np.asarray(
        ae.decode(params, codes)))
    z = np.random.default_rng(0).normal(size=(33, 4)).astype(np.float32)
    for count in (1, 2, 16, 17, 33):
        np.testing.assert_allclose(operations.decode(z[:count]), np.asarray(run.ae.decode(run.params, z[:count])) / 2
                                   + 0.5, atol=1e-6)
    assert sizes == {1, asked.BLOCK}


def test_filled_in_as_the_application_does(operations, run):
    x = np.random.default_rng(0).random((1, 6, 5, 1), np.float32)
    known = np.random.default_rng(1).random(x.shape) < 0.5
    given = run.ae, run.params, 2 * x - 1, known
    energy = minimise_energy(*given, key=jax.random.key(0), prior=operations.prior).images
    for method, expected in (("energy", energy), ("projection", project(*given, steps=20))):
        found = operations.inpaint(x, known, method)
        np.testing.assert_allclose(found, expected / 2 + 0.5, atol=1e-5)
        assert (found[known] == x[known]).all()


def test_a_table_needs_no_scale(table):
    work = Operations(table, (0.0, 1.0), asked.CodePrior(np.zeros(2, np.float32), np.eye(2, dtype=np.float32)))
    x = np.array([[-3.0, 5.0, 0.0, 1.0, 2.0]], np.float32)
    codes, found = work.reconstruct(x)
    chex.assert_trees_all_close(found, np.asarray(table.ae.decode(table.params, table.ae.encode(table.params, x))))
    work.warm_up()
    with pytest.raises(InputError, match="NaN"):
        work.reconstruct(x * np.nan)
