import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.cluster import KMeans

from aejax import codebooks, networks, variants
from aejax.types import InputError
from aejax.variants.vector_quantised import codebook_terms

FREE = networks.Dense(shape=(6, 5, 1), code_dim=6, code_activation="identity")


def test_terms_by_a_loop(images):
    """Codebook, commitment and revival; the codebook's gradient by hand: each vector towards what it stands for."""
    ae = variants.vector_quantised(FREE, codebook_size=7, vector_dim=2, commitment=0.3)
    tenth = 0.07 * jax.random.normal(jax.random.key(5), (7, 2))
    params = ae.init(jax.random.key(0), images) | {"codebook_tenth": tenth}
    free = np.asarray(variants.standard(FREE).encode(params, images))
    vectors, book = free.reshape(-1, 2), np.asarray(ae.codebook(params))
    distances = np.square(vectors[:, None] - book[None]).sum(axis=2)
    owner = distances.argmin(axis=1)
    expected, slope = 1.3 * distances.min(axis=1).sum() / 64, np.zeros_like(book)
    unused = [k for k in range(7) if k not in owner]
    assert 0 < len(unused) < 6
    ordered = [(distances[i, k], vectors[i]) for k in range(7) for i in range(len(vectors)) if owner[i] == k]
    for k in range(7):
        if k in unused:
            passed, total = 0.0, distances.min(axis=1).sum()
            target = next(v for error, v in ordered if (passed := passed + error) >= (k + 0.5) / 7 * total)
            expected += 3 / 7 * np.square(book[k] - target).sum()
            slope[k] = 2 * 3 / 7 * (book[k] - target)
        else:
            slope[k] = 2 * (book[k] - vectors[owner == k]).sum(axis=0) / 64
    gradient, metrics = jax.grad(lambda p: ae.loss(p, jax.random.key(1), images), has_aux=True)(params)
    np.testing.assert_allclose(metrics["penalty"], expected, rtol=1e-4)
    np.testing.assert_allclose(gradient["codebook_tenth"], slope, rtol=1e-3, atol=1e-5)
    share = np.bincount(owner, minlength=7) / len(owner)
    entropy = -sum(p * np.log(p) for p in share if p > 0)
    np.testing.assert_allclose(metrics["perplexity"], np.exp(entropy), rtol=1e-4)


def test_the_codebook_learns_what_k_means_finds():
    """Fixed points in 12 heaps, and 24 vectors that all start in one far corner, where one or two would be used."""
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.uniform(-3, 3, (12, 1, 2)) + 0.1 * rng.normal(size=(12, 40, 2)), jnp.float32)
    code, penalty = points.reshape(-1, 2), codebook_terms(commitment=0.0)

    def objective(params):
        value, metrics = penalty(None, params, jax.random.key(0), code, code)
        return value.mean(), metrics["perplexity"]

    @jax.jit
    def learn(params):
        def step(params, _):
            (_, perplexity), slope = jax.value_and_grad(objective, has_aux=True)(params)
            return jax.tree.map(lambda p, g: p - 0.1 * g, params, slope), perplexity
        return jax.lax.scan(step, params, None, length=600)
    params, perplexity = learn({"codebook_tenth": 0.5 + 0.01 * jax.random.normal(jax.random.key(0), (24, 2))})
    used = codebooks.counts(codebooks.indices(code, networks.codebook_of(params)), 24)
    assert perplexity[0] < 2 and perplexity[-1] > 15 and int((used > 0).sum()) >= 23
    found = float(codebooks.squared_distances(code, networks.codebook_of(params)).min(axis=2).sum())
    assert found < 2 * KMeans(24, n_init=3, random_state=0).fit(np.asarray(code)).inertia_


def test_a_codebook_of_the_codes_themselves_is_standard(images):
    standard = variants.standard(FREE)
    params = standard.init(jax.random.key(0), images)
    book = jnp.unique(standard.encode(params, images).reshape(-1, 2), axis=0)
    ae = variants.vector_quantised(FREE, codebook_size=len(book), vector_dim=2)
    params = params | {"codebook_tenth": book / 10}
    found = jax.jit(ae.loss)(params, jax.random.key(1), images)[1]
    expected = jax.jit(standard.loss)(params, jax.random.key(1), images)[0]
    np.testing.assert_allclose(found["reconstruction"], expected, rtol=1e-6)
    np.testing.assert_allclose(found["penalty"], 0, atol=1e-8)


def test_codes_are_vectors_of_the_codebook(images):
    network = networks.Spatial(shape=(6, 5, 1), vector_dim=3, channels=(4,), blocks=1)
    ae = variants.vector_quantised(network, codebook_size=16)
    params = ae.init(jax.random.key(0), images)
    code, book = ae.encode(params, images), ae.codebook(params)
    assert code.shape == (64, 27) and book.shape == (16, 3)
    numbers = codebooks.indices(code, book)
    np.testing.assert_array_equal(codebooks.vectors(numbers, book), code)
    noisy = code + 1e-4 * jax.random.normal(jax.random.key(0), code.shape)
    np.testing.assert_array_equal(ae.decode(params, noisy), ae.decode(params, code))


@pytest.mark.parametrize(("network", "options", "message"), [
    (FREE, {"commitment": -1}, "commitment must not be negative"), (FREE, {"codebook_size": 1}, "at least 2"),
    (FREE, {"vector_dim": 4}, "does not divide"),
    (networks.UNet(shape=(8, 8, 1), channels=(4, 4)), {}, "leads past the code")])
def test_bad_options(network, options, message):
    with pytest.raises(InputError, match=message):
        variants.vector_quantised(network, **options)
