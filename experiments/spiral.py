"""What does denoising do to the plane around a curve? The lecture's spiral (its figures 15 to 17), measured.

A two-turn spiral in [-1, 1]², a 2-128-128-128 network each way (ReLU), Gaussian noise, fresh in every step. Beside the
network stands the best denoiser that there is, E[x|x̃], computed from the curve itself; every point that is measured is
new. "Near" is closer than a quarter of the turns' distance, where one turn alone pulls.

How far a corner travels is decided by how far it lies from the spiral. In the lecture's picture that is about 1, and so
it is for a spiral of radius 0.6: the first pair of rows. The second pair is a spiral that fills the square, radius 1,
where even the exact denoiser moves corners by 0.5 to 0.85. σ is 0.04 and 0.067, both times 2/15 of the turns' distance:
with more noise the other turn pulls at "near" points too (from 0.18 on Spearman's correlation of the exact denoiser
itself is below 0.95, at 0.25 its slope is below 0.9).

Command: python -m experiments.spiral   (about 11 minutes on 2 cores)
Result: experiments/results/spiral.json and .png
"""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
import optax
import tyro
from scipy.stats import spearmanr

from aejax import corruptions, data, figures, losses, networks, variants
from aejax.applications.denoising import denoise
from aejax.applications.manifolds import CurveMixture, curve_mixture, distance_to_curve
from aejax.train import fit
from aejax.types import Autoencoder
from experiments._record import BaseConfig, Record

TURNS = 2
DENSE = 1e-3   # of the highest density: where the score's direction is measured
CORNERS = np.array([(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)])
Denoiser = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the run; `--smoke` takes few points and steps."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    radii: tuple[float, ...] = (0.6, 1.0)
    noise: float = 2 / 15
    """σ over the distance of two turns."""
    points: int = 20_000
    epochs: int = 60
    batch_size: int = 500
    width: int = 128
    learning_rate: float = 3e-3


def main(config: Config) -> Record:
    """Trains a network for every seed, measures each and the best denoiser, draws the first."""
    record = Record("spiral", config)
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0,), points=400, epochs=2, batch_size=100, width=8)
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in ("data_dir", "output", "radii")}
    measured = 200 if config.smoke else 5000
    for radius in config.radii:
        curve = data.spiral_curve(501 if config.smoke else 2001, TURNS)[0] * radius
        mixture = curve_mixture(curve, config.noise * radius / TURNS)
        exact, network = (f"{name}, radius {radius:g}" for name in ("E[x|x̃], exact", "denoising network"))
        if not record.done(exact, settings):
            rows = [measure(mixture.conditional_mean, mixture, radius, measured, seed) for seed in config.seeds]
            _add(record, exact, settings, rows, config.seeds, measured)
        if record.done(network, settings):
            continue
        rows, ae, optimizer = [], *model(config, mixture.std)   # made once: every seed is the same program
        for seed in config.seeds:
            denoiser = train(config, ae, optimizer, radius, seed)
            rows.append(measure(denoiser, mixture, radius, measured, seed))
            if seed == config.seeds[0] and radius == config.radii[0]:
                draw(record, denoiser, mixture, seed)
        _add(record, network, settings, rows, config.seeds, measured)
    return record


def model(config: Config, std: float) -> tuple[Autoencoder, optax.GradientTransformation]:
    """The denoising autoencoder and its optimiser."""
    network = networks.Dense(shape=(2,), code_dim=config.width, widths=(config.width,) * 2, activation="relu",
                             code_activation="relu")
    ae = variants.denoising(
        network, corruption=corruptions.gaussian_noise(std / 2),   # its unit is half of ours, [-1, 1]
        reconstruction=losses.squared_error(activation="identity", range=(-1.0, 1.0)))
    steps = config.epochs * (config.points // config.batch_size)
    return ae, optax.adam(optax.cosine_decay_schedule(config.learning_rate, steps))


def train(config: Config, ae: Autoencoder, optimizer: optax.GradientTransformation, radius: float, seed: int,
          ) -> Denoiser:
    """The network that the spiral's points of this seed train, as a function x̃ -> x̂."""
    x = data.spiral(config.points, turns=TURNS, seed=seed)[0] * np.float32(radius)
    state, _ = fit(ae, x, optimizer=optimizer, key=jax.random.key(seed), epochs=config.epochs,
                   batch_size=config.batch_size)
    return lambda points: denoise(ae, state.params, points.astype(np.float32))


def measure(denoiser: Denoiser, mixture: CurveMixture, radius: float, n: int, seed: int) -> dict[str, float]:
    """The lecture's claims as numbers, on points of their own seed."""
    random = np.random.default_rng([seed, 1])
    curve, gap = mixture.points, radius / TURNS
    clean = curve[random.integers(0, len(curve), n)]
    noisy = clean + mixture.std * random.standard_normal(clean.shape)

    def travelled(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(denoiser(points) - points, axis=1)
    beside = _beside(curve, gap / 4, random, n)
    distance, _ = distance_to_curve(beside, curve)
    travel = travelled(beside)
    between = {share: travelled(_between(radius, share, n)) for share in (0.25, 0.5, 0.75)}
    square = random.uniform(-1, 1, (20 * n, 2))
    density = mixture.log_density(square)
    square = square[density > mixture.log_density(curve).max() + np.log(DENSE)]
    arrows, score = denoiser(square) - square, mixture.score(square)
    cosine = np.sum(arrows * score, axis=1) / np.maximum(
        np.linalg.norm(arrows, axis=1) * np.linalg.norm(score, axis=1), 1e-12)
    return {"error": float(np.mean(np.sum((denoiser(noisy) - clean) ** 2, axis=1))),
            "on the curve": float(travelled(curve).mean()), "on the curve, at most": float(travelled(curve).max()),
            "corners": float(travelled(CORNERS).mean()), "corners, at least": float(travelled(CORNERS).min()),
            "corners, at most": float(travelled(CORNERS).max()),
            "corners' distance": float(distance_to_curve(CORNERS, curve)[0].mean()),
            "half-way": float(between[0.5].mean()),
            "quarter-way": float((between[0.25].mean() + between[0.75].mean()) / 2),
            "half-way moves less": float(np.mean(between[0.5] < np.minimum(between[0.25], between[0.75]))),
            "slope": float(np.polyfit(distance, travel, 1)[0]), "spearman": float(spearmanr(distance, travel)[0]),
            "cosine": float(cosine.mean()), "cosine, 5th percentile": float(np.quantile(cosine, 0.05)),
            "cosine at least 0.9": float(np.mean(cosine >= 0.9))}


def _beside(curve: np.ndarray, reach: float, random: np.random.Generator, n: int) -> np.ndarray:
    """Points at distances up to `reach` on both sides of the curve, straight off it."""
    tangent = np.gradient(curve, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) / np.linalg.norm(tangent, axis=1)[:, None]
    index = random.integers(0, len(curve), n)
    return curve[index] + random.uniform(-reach, reach, (n, 1)) * normal[index]


def _between(radius: float, share: float, n: int) -> np.ndarray:
    """Points `share` of the way from the inner turn to the outer one, from a quarter of the inner turn on."""
    angle = np.linspace(np.pi / 2, 2 * np.pi, n)
    r = radius / TURNS * (angle / (2 * np.pi) + share)
    return r[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


UNITS = {"error": "squared distance", "slope": "", "spearman": "", "half-way moves less": "share of the points",
         "cosine": "", "cosine, 5th percentile": "", "cosine at least 0.9": "share of the points"}


def _add(record: Record, name: str, settings, rows, seeds, n: int) -> None:
    record.add(name, settings, {metric: (UNITS.get(metric, "distance"), [row[metric] for row in rows])
                                for metric in rows[0]}, seeds=seeds, n=n)


def draw(record: Record, denoiser: Denoiser, mixture: CurveMixture, seed: int) -> None:
    """The lecture's three pictures."""
    random = np.random.default_rng([seed, 2])
    clean = mixture.points[random.integers(0, len(mixture.points), 600)]
    noisy = clean + mixture.std * random.standard_normal(clean.shape)
    axis = np.linspace(-1, 1, 121)
    places = np.stack(np.meshgrid(axis, axis), axis=-1)
    moved = denoiser(places.reshape(-1, 2)).reshape(places.shape)
    figures.denoising_field(record.path.with_suffix(".png"), curve=mixture.points, corrupted=noisy,
                            restored=denoiser(noisy), places=places, moved=moved, every=8)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
