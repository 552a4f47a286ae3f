"""What the generation experiment trains, and what it measures samples with."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aejax import codebooks, losses, metrics, networks, variants
from aejax.applications import generation, sample_quality
from aejax.applications.index_prior import bits_per_dimension
from aejax.applications.priors import gaussian_mixture
from aejax.applications.reconstruction import decode, encode, pca, reconstruct
from aejax.applications.sample_quality import Reference
from aejax.autoencoder import autoencoder
from aejax.jacobian import squared_norm
from aejax.train import fit
from aejax.train.optimizers import falling_adam
from aejax.types import Autoencoder, Network, Params, ReconstructionLoss

Values = dict[str, tuple[str, list[float]]]   # {metric: (unit, [value])}, as `Record.add` takes them
UNITS = {"feature_frechet_distance": "", "precision": "", "recall": "", "density": "", "coverage": "",
         "memorisation_ratio": "", "memorisation_nearer": "", "memorisation_copies": ""}

ESTIMATED = "smooth_decoder"   # in place of the variant's exact ‖∂x̂/∂z‖²: that takes thirty times a step here

# name: (variant, its options); the same network, batches and steps for all, and but for one the same loss
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("standard", {}),
    "variational": ("variational", {}),
    "variational, beta 0.1": ("variational", {"beta": 0.1}),   # a likelihood of variance 0.1, which blurs less
    "variational, cross-entropy": ("variational", {"loss": "cross_entropy"}),   # as they are mostly used
    "regularised, l2": ("regularised", {"regulariser": "l2"}),
    "regularised, gradient": (ESTIMATED, {"weight": 1e-2, "gradient_weight": 1e-3}),   # the variant's defaults
    "regularised, spectral": ("regularised", {"regulariser": "spectral"}),
    "wasserstein": ("wasserstein", {}),
    "adversarial": ("adversarial", {}),
}
QUANTISED = "vector_quantised"
PRIORS: dict[str, dict[str, Any]] = {"normal": {}, "gaussian": {}, "mixture": {"components": 10}, "flow": {}}


@dataclasses.dataclass(frozen=True)
class Budget:
    """Sizes of one row; the smoke run's are as small as can be."""

    code_dim: int = 16
    channels: tuple[int, ...] = (16, 32)
    epochs: int = 4
    quantised_epochs: int = 2  # of four times the cost each
    batch_size: int = 32
    learning_rate: float = 2e-3
    train: int = 60_000        # images
    samples: int = 10_000      # as many as test images
    rows: int = 5000           # of each set in precision, recall, density and coverage
    copies: int = 1000         # samples that are looked for among the training images
    flow_epochs: int = 6
    codebook: int = 256
    vector_dim: int = 4
    index_codes: int = 20_000  # codes that the model of indices learns from
    index_epochs: int = 6


SMOKE = Budget(code_dim=2, channels=(2, 2), epochs=1, quantised_epochs=1, train=300, samples=40, rows=40, copies=10,
               flow_epochs=1, codebook=8, vector_dim=2, index_codes=200, index_epochs=1)


def smooth_decoder(network: Network, *, weight: float, gradient_weight: float, reconstruction: ReconstructionLoss,
                   ) -> Autoencoder:
    """`variants.regularised` with the gradient's norm estimated by one probe a code instead of computed."""
    def penalty(network, params, key, x, code):
        def decode(z):
            return reconstruction.activation(network.apply({"params": params}, z, method="decode"))
        norm = squared_norm(decode, code, method="hutchinson", key=key)
        return 0.5 * weight * jnp.sum(jnp.square(code), axis=1) + gradient_weight * norm
    return autoencoder(network, penalty=penalty, weight=1.0, reconstruction=reconstruction)


def train(name: str, x: np.ndarray, budget: Budget, seed: int) -> tuple[Autoencoder, Params]:
    """One model: ½‖x − x̂‖² behind a sigmoid if not said, Adam whose rate falls to 0 as a cosine."""
    variant, options = MODELS.get(name, (name, {}))
    options, epochs = dict(options), budget.epochs
    reconstruction = getattr(losses, options.pop("loss", "squared_error"))()
    if name == QUANTISED:
        epochs = budget.quantised_epochs
        network = networks.Spatial(shape=x.shape[1:], vector_dim=budget.vector_dim, channels=budget.channels)
        ae = getattr(variants, name)(network, codebook_size=budget.codebook, reconstruction=reconstruction)
    else:
        network = networks.Convolutional(shape=x.shape[1:], code_dim=budget.code_dim, channels=budget.channels)
        make = smooth_decoder if variant == ESTIMATED else getattr(variants, variant)
        ae = make(network, reconstruction=reconstruction, **options)
    steps = epochs * (len(x) // budget.batch_size)
    state, _ = fit(ae, x, optimizer=falling_adam(budget.learning_rate, steps), key=jax.random.key(seed), epochs=epochs,
                   batch_size=budget.batch_size)
    return ae, jax.device_get(state.params)


def measured(made: np.ndarray, against: Reference, budget: Budget, *, memory: bool = True) -> Values:
    """All measures of pictures on the [0, 1] scale."""
    found = sample_quality.measure(made, against, rows=budget.rows, memory=memory)
    return {name: (UNITS[name], [value]) for name, value in found.items()}


def unit(ae: Autoencoder, pictures: np.ndarray) -> np.ndarray:
    """On the [0, 1] scale."""
    return np.asarray(metrics.to_unit(pictures, ae.range))


def rows_of(name: str, ae: Autoencoder, params: Params, x: np.ndarray, against: Reference, budget: Budget, seed: int,
            ) -> tuple[dict[str, Values], dict[str, np.ndarray]]:
    """Values and samples of every prior, and of reconstructions of the test images, by label."""
    again = unit(ae, reconstruct(ae, params, against.test))
    truth = against.test.astype(np.float32) / 255
    error = float(np.mean(np.square(again - truth)))
    values = {"reconstructions": {"mean squared error": ("", [error])} | measured(again, against, budget, memory=False)}
    made = {"reconstructions": again}
    for label, draw in _draws(name, ae, params, x, against.test, budget, seed).items():
        made[label], extra = draw()
        values[label] = measured(made[label], against, budget) | extra
    return values, made


def _draws(name: str, ae: Autoencoder, params: Params, x: np.ndarray, test: np.ndarray, budget: Budget, seed: int,
           ) -> Mapping[str, Callable[[], tuple[np.ndarray, Values]]]:
    """What gives samples of each prior, and what else there is to say of it."""
    key = jax.random.key(1000 + seed)

    def fitted(prior: str) -> tuple[np.ndarray, Values]:
        options = PRIORS[prior] | ({"epochs": budget.flow_epochs} if prior == "flow" else {})
        found = generation.fit_prior(prior, ae, params, x, key=key, **options)
        return unit(ae, generation.sample(ae, params, found, jax.random.fold_in(key, 1), budget.samples)), {}
    if name != QUANTISED:
        return {prior: functools.partial(fitted, prior) for prior in PRIORS}
    codebook = jnp.asarray(ae.codebook(params))

    def uniform() -> tuple[np.ndarray, Values]:
        positions = encode(ae, params, x[:1]).shape[1] // codebook.shape[1]
        numbers = jax.random.randint(key, (budget.samples, positions), 0, len(codebook))
        return unit(ae, decode(ae, params, np.asarray(codebooks.vectors(numbers, codebook)))), {}

    def learnt() -> tuple[np.ndarray, Values]:
        found = generation.fit_prior("autoregressive", ae, params, x[: budget.index_codes], key=key,
                                     epochs=budget.index_epochs)
        return unit(ae, generation.sample(ae, params, found, jax.random.fold_in(key, 1), budget.samples)), {
            "bits of the indices a dimension": ("bits", [float(bits_per_dimension(
                found, encode(ae, params, test), x[0].size).mean())])}
    return {"uniform": uniform, "autoregressive": learnt}


def perplexity(ae: Autoencoder, params: Params, x: np.ndarray) -> Values:
    """How many vectors of the codebook would be as varied if all were used equally, and as a share of them."""
    codebook = jnp.asarray(ae.codebook(params))
    numbers = codebooks.indices(jnp.asarray(encode(ae, params, x)), codebook)
    found = float(codebooks.perplexity(codebooks.counts(numbers, len(codebook))))
    return {"perplexity": ("", [found]), "perplexity, share of the codebook": ("%", [100 * found / len(codebook)])}


def linear(x: np.ndarray, against: Reference, budget: Budget, seed: int) -> tuple[Values, np.ndarray]:
    """The baseline: PCA of the same width, a mixture of ten Gaussians over its codes, cut to [0, 1]."""
    flat = x.astype(np.float32) / 255
    model = pca(flat, budget.code_dim)
    prior = gaussian_mixture(model.encode(flat), components=PRIORS["mixture"]["components"], seed=seed)
    codes = np.asarray(prior.sample(jax.random.key(1000 + seed), budget.samples))
    made = np.clip(codes @ model.components + model.mean, 0, 1).reshape(-1, *x.shape[1:])
    return measured(made, against, budget), made
