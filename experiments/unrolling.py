"""Does a basic autoencoder unroll a curve? The lecture's figure 19: a curly line in space, a code of one number.

A helix around a ring, six windings, in [-1, 1]³: once cut open (the first 60 % of it), once closed. A network
3-128-128-1 and back (ReLU) is trained to reconstruct its points from several seeds, beside PCA with one component. The
curve's size is its longest extent, 2. A closed curve cannot be mapped onto an interval one to one: it has to tear, and
the script finds where. Every point that is measured is new.

Command: python -m experiments.unrolling   (about 3 minutes on 2 cores)
Result: experiments/results/unrolling.json and .png
"""

import dataclasses

import jax
import numpy as np
import optax
import tyro
from scipy.stats import spearmanr

from aejax import data, figures, losses, networks, variants
from aejax.applications.manifolds import distance_to_curve
from aejax.applications.reconstruction import encode, pca
from aejax.train.points import train_points
from aejax.types import Autoencoder
from experiments._record import BaseConfig, Record

TURNS, SIZE = 6, 2.0
OPEN, CLOSED = 0.6, 1.0   # shares of the helix
LOST = 0.05 * SIZE        # a point is torn off where its reconstruction is further away than this


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the run; `--smoke` takes few points and steps."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    points: int = 5000
    epochs: int = 200
    batch_size: int = 250
    width: int = 128
    learning_rate: float = 3e-3
    measured: int = 4000


def main(config: Config) -> Record:
    """Trains on both curves from every seed, records, and draws the first seed of each."""
    record = Record("unrolling", config)
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0, 1), points=200, epochs=2, batch_size=50, width=8,
                                     measured=200)
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in ("data_dir", "output")}
    ae = autoencoder(config)
    pictures = {}
    for name, share in (("open curve", OPEN), ("closed curve", CLOSED)):
        if record.done(name, settings):
            continue
        x = helix(config.points, share, seed=0)[0]
        row = measure(*linear_functions(x), share, config.measured, tears=False)
        _add(record, f"{name}, PCA-1", settings, [row], [0], config)
        steps = config.epochs * (len(x) // config.batch_size)
        states, _ = train_points(lambda: ae, x, points={}, seeds=np.array(config.seeds),
                                 optimizer=optax.adam(optax.cosine_decay_schedule(config.learning_rate, steps)),
                                 shuffle_key=jax.random.key(0), epochs=config.epochs, batch_size=config.batch_size)
        rows = []
        for index in range(len(config.seeds)):
            to_code, to_curve = functions(ae, jax.tree.map(lambda leaf, i=index: leaf[i], states.params))
            rows.append(measure(to_code, to_curve, share, config.measured, tears=share == CLOSED))
            if index == 0:
                pictures[name] = picture(to_code, to_curve, share)
        _add(record, name, settings, rows, config.seeds, config)
    if len(pictures) == 2:
        figures.unrolled(record.path.with_suffix(".png"), pictures)
    return record


def autoencoder(config: Config) -> Autoencoder:
    """Three numbers to one and back."""
    network = networks.Dense(shape=(3,), code_dim=1, widths=(config.width,) * 2, activation="relu")
    return variants.standard(network, reconstruction=losses.squared_error(activation="identity", range=(-1.0, 1.0)))


def helix(n: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """About n random points on the first `share` of the helix, and their share of its arc length."""
    points, t = data.helix(int(n / share), turns=TURNS, seed=seed)
    return points[t < share], t[t < share] / np.float32(share)


def functions(ae: Autoencoder, params):
    """Encoder (n, 3) -> (n,) and decoder (m,) -> (m, 3) of one model."""
    return (lambda x: encode(ae, params, x.astype(np.float32))[:, 0],
            lambda z: np.asarray(ae.decode(params, z[:, None].astype(np.float32))))


def linear_functions(x: np.ndarray):
    """The baseline: PCA with one component, as an encoder and a decoder."""
    linear = pca(x, 1)
    return lambda p: linear.encode(p)[:, 0], lambda z: z[:, None] @ linear.components + linear.mean


def measure(to_code, to_curve, share: float, n: int, *, tears: bool) -> dict[str, float]:
    """Order, distance, and what lies between the codes, on new points."""
    x, t = helix(n, share, seed=1)
    order = np.argsort(t)
    x, t = x[order], t[order]
    z = to_code(x)
    back = to_curve(z)
    error = np.linalg.norm(back - x, axis=1)
    random = np.random.default_rng(2)
    one, other = random.integers(0, len(x), (2, n))
    middle = (z[one] + z[other]) / 2   # a code between two codes, and a place between two points
    low, high = z.min(), z.max()
    beyond = np.concatenate([low - 0.1 * (high - low) * np.linspace(0, 1, 50),
                             high + 0.1 * (high - low) * np.linspace(0, 1, 50)])
    ends = to_curve(np.array([low, high]))
    row = {"ends apart": 100 * float(np.linalg.norm(ends[1] - ends[0])) / SIZE,
           "spearman": abs(float(spearmanr(z, t)[0])), "error": 100 * float(error.mean()) / SIZE,
           "distance": _far(back, x), "between codes": _far(to_curve(middle), x),
           "between points": _far((x[one] + x[other]) / 2, x), "beyond the codes": _far(to_curve(beyond), x)}
    return row | torn(t, z, error) if tears else row


def torn(t: np.ndarray, z: np.ndarray, error: np.ndarray) -> dict[str, float]:
    """Where a closed curve tears: the piece around its worst point that is lost, and how far the code runs over it.

    The encoder is continuous: over the torn piece the code runs back through the whole range. Counted from there, arc
    length and code should run together on the rest, the order without the tear. t rises, and 0 is the same place as 1.
    At most the worse half counts as lost.
    """
    worst, lost = int(np.argmax(error)), error > max(LOST, float(np.median(error)))
    n = len(t)
    before = next(k for k in range(n) if not lost[worst - k])        # negative indices go round
    after = next(k for k in range(n) if not lost[(worst + k) % n])
    first, last = worst - before, (worst + after) % n                # the neighbours that are kept
    turned = (t - t[last]) % 1
    return {"tear at": float(t[worst]), "tear's length": 100 * float((t[last] - t[first]) % 1),
            "code runs back": float(abs(z[last] - z[first]) / np.ptp(z)), "torn off": 100 * float(np.mean(lost)),
            "error, at most": 100 * float(error.max()) / SIZE,
            "error elsewhere": 100 * float(error[~lost].mean()) / SIZE,
            "spearman from the tear on": abs(float(spearmanr(z[~lost], turned[~lost])[0]))}


def picture(to_code, to_curve, share: float) -> dict[str, np.ndarray]:
    """What `figures.unrolled` draws of a model."""
    x, t = helix(1500, share, seed=1)
    z = to_code(x)
    return {"points": x, "length": t, "code": z, "line": to_curve(np.linspace(z.min(), z.max(), 2000))}


def _far(points: np.ndarray, curve: np.ndarray) -> float:
    """Mean distance to the curve in % of its size; its 4,000 measured points are closer together than 0.1 %."""
    return 100 * float(distance_to_curve(points, curve)[0].mean()) / SIZE


UNITS = {"spearman": "", "spearman from the tear on": "", "tear at": "share of arc length",
         "tear's length": "% of arc length", "code runs back": "of the code's range", "torn off": "% of the points"}


def _add(record: Record, name: str, settings, rows, seeds, config: Config) -> None:
    record.add(name, settings, {metric: (UNITS.get(metric, "% of the size"), [row[metric] for row in rows])
                                for metric in rows[0]}, seeds=seeds, n=config.measured)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
