"""What is ill about a trained autoencoder: named findings, each with its number and what to do about it.

`aejax.doctor` is about the machine; this is about one model, its data and the history of its training.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Array, Float

from aejax.applications.batches import in_batches
from aejax.autoencoder import to_range
from aejax.bottlenecks import divergence
from aejax.layer_watch import Watch, at_bounds, at_limits, limits
from aejax.left_over import left_over
from aejax.loss_courses import Finding, of_history
from aejax.recipes import Recipe, build, build_corruption, build_loss, build_network
from aejax.types import Autoencoder, Corruption, Params

EXAMPLES = 1000      # are looked at, evenly from all: a unit that answers to 1 % of the data is silent on 4e-5 of draws
LEAST = 32           # examples below which a unit may be silent by chance
DEAD = 0.5           # share of a layer's units: sound trainings leave up to a third of them dead, ill ones most
SATURATED = 0.9      # share of a layer's values at a bound: hardly any gradient passes
WRONG = 0.05         # share of outputs at a bound that the data are not near to: pictures of ink on paper are, mostly
FAR = 0.1            # of the range, between an output and its datum
UNUSED = 0.01        # nats: a unit of the code that says less, on average, is taken for the prior (Burda et al. 2016)
COLLAPSED = 0.1      # share of units that still say something
NARROW = 0.5         # share of the range that floats use: [0, 1] data for a range of [-1, 1] use half
NARROW_BYTES = 0.1   # dark pictures use little, masks of 0 and 1 stored as bytes 0.004
UNSCALED = 10.0      # root mean square of a table, 1 where it is standardised; or 1 / it
LEFT = 0.9           # of the squares of a corruption: a restorer that leaves them copies its input
CONSTANT = 1e-6      # variance of codes by their mean square: the spread is a thousandth of the size
EXPLAINED = 0.01     # variance of outputs by that of data: the first principal component alone gives more

LOOKED_FOR = {
    "dead units": "units behind relu, elu and the like that give their limit on all data",
    "saturated units": "hidden layers and codes whose tanh or sigmoid is at its bounds",
    "saturated outputs": "outputs at a bound that the data are not at",
    "collapsed posterior": "a posterior that equals the prior in nearly every unit",
    "range mismatch": "data that use little of the loss's range, or tables that are not standardised",
    "overfit": "a validation loss far above the training loss, or above its own least",
    "codes ignore the input": "codes that are the same for all inputs",
    "outputs ignore the input": "reconstructions that are the same for all inputs",
    "corruption left": "a denoising autoencoder that gives back its corrupted input, or worse",
    "loss did not fall": "a training loss that ends where it began",
    "loss rose at the end": "a training loss that ends above its least",
    "loss not finite": "epochs whose loss is NaN or infinite",
}


def findings(ae: Autoencoder, params: Params, x: np.ndarray | Array,
             history: Mapping[str, Sequence[float]] | None = None, *, recipe: Recipe | None = None) -> list[Finding]:
    """What is ill about a trained autoencoder; an empty list where nothing is.

    Args:
      ae: any autoencoder.
      params: its parameters.
      x: (N, *shape), data that it was not fitted to, as for `fit`; at most `EXAMPLES` of them are used.
      history: of `fit`, up to the epoch whose parameters these are; None: losses are not judged.
      recipe: of `ae`; without it hidden layers and the output's activation are not looked at.

    Returns:
      Findings in the order of `LOOKED_FOR`.

    >>> import jax, jax.numpy as jnp
    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(4,), code_dim=2))
    >>> params = jax.tree.map(jnp.zeros_like, ae.init(jax.random.key(0), jnp.zeros((1, 4))))
    >>> [finding.name for finding in findings(ae, params, np.random.default_rng(0).random((40, 4), np.float32))]
    ['codes ignore the input']
    """
    x = np.asarray(x)
    x = x[np.unique(np.linspace(0, len(x) - 1, EXAMPLES).astype(int))]
    found = [] if recipe is None else _units(recipe, params, x)
    data, outputs, code, nats = in_batches(_seen, ae, params, x, 250)
    if recipe is not None:
        found += _outputs(build_loss(recipe.reconstruction).activation, outputs, data)
        found += [] if recipe.corruption is None else _left(ae, params, x, build_corruption(recipe.corruption))
    found += [] if nats is None else _posterior(nats)
    found += _range(ae, x, data)
    found += _constant(None if ae.reconstruct is not None else code, outputs, data)
    found += [] if history is None else of_history(history, scheduled=ae.scheduled is not None)
    order = list(LOOKED_FOR)
    return sorted(found, key=lambda finding: order.index(finding.name))


def _seen(ae: Autoencoder, params: Params, x: Array) -> tuple[Array, Array, Array, Array | None]:
    """Data in their range, reconstructions, codes, and the nats of each unit's posterior from the prior, if any."""
    code = ae.encode(params, x)
    outputs = ae.decode(params, code) if ae.reconstruct is None else ae.reconstruct(params, x)
    return to_range(x, ae.range), outputs, code, None if ae.posterior is None else divergence(*ae.posterior(params, x))


def _units(recipe: Recipe, params: Params, x: np.ndarray) -> list[Finding]:
    if len(x) < LEAST:
        return []
    network, watch = build_network(recipe.network), Watch()
    watched = {field: watch.over(getattr(network, field), kind)
               for field, kind in (("activation", "layer"), ("code_activation", "code")) if hasattr(network, field)}
    ae = build(dataclasses.replace(recipe, network={**recipe.network, **watched}))
    silent, bound = in_batches(at_limits, ae, params, x, 250, watch)
    found = []
    for name, units in silent.items():
        dead = units.all(axis=0)
        if dead.mean() >= DEAD:
            found.append(Finding(
                "dead units", f"{dead.sum()} of {dead.size} units of {name} give one limit on all {len(x)} examples",
                float(dead.mean()), "lower --learning-rate, or take --activation elu, whose slope is never 0"))
    for name, shares in bound.items():
        if shares.mean() >= SATURATED:
            found.append(Finding(
                "saturated units", f"{shares.mean():.0%} of the values of {name} are at a bound of the activation",
                float(shares.mean()), "lower --learning-rate, or take an activation without bounds "
                f"({'--code-activation identity' if name == 'code' else '--activation elu'})"))
    return found


def _outputs(activation: Callable[[Array], Array], outputs: np.ndarray, data: np.ndarray) -> list[Finding]:
    low, high = limits(activation)
    if low is None or high is None:
        return []
    bound = at_bounds(outputs, low, high)
    wrong = float((bound & (np.abs(outputs - data) > FAR * (high - low))).mean())
    if bound.mean() < SATURATED or wrong < WRONG:
        return []
    return [Finding("saturated outputs", f"{bound.mean():.0%} of the outputs are at a bound of their activation, "
                    f"{wrong:.0%} where the data are not", wrong,
                    "lower --learning-rate; where it stays, take --output-activation identity")]


def _posterior(nats: Float[np.ndarray, "n code"]) -> list[Finding]:
    each = nats.mean(axis=0)
    used = int((each >= UNUSED).sum())
    if used > COLLAPSED * each.size:
        return []
    return [Finding("collapsed posterior", f"{used} of {each.size} units of the code tell anything of the input; all "
                    f"together {each.sum():.3g} nats", float(each.sum()),
                    "lower --beta, let it grow (--warm-up), or leave each unit some nats (--free-bits)")]


def _range(ae: Autoencoder, x: np.ndarray, data: np.ndarray) -> list[Finding]:
    low, high = float(data.min()), float(data.max())
    if ae.range is None:
        size = float(np.sqrt(np.mean(np.square(data, dtype=np.float64))))
        if 1 / UNSCALED <= size <= UNSCALED:
            return []
        return [Finding("range mismatch", f"the data, from {low:g} to {high:g}, have a root mean square of {size:.3g}",
                        size, "standardise each column to mean 0 and variance 1")]
    share = (high - low) / (ae.range[1] - ae.range[0])
    if share > (NARROW_BYTES if x.dtype == np.uint8 else NARROW) + 1e-5:
        return []
    return [Finding("range mismatch", f"the data, from {low:g} to {high:g}, use {share:.1%} of the range from "
                    f"{ae.range[0]:g} to {ae.range[1]:g}", share,
                    "scale them to that range, or choose the --output-activation whose range is theirs")]


def _constant(code: np.ndarray | None, outputs: np.ndarray, data: np.ndarray) -> list[Finding]:
    """Constant outputs are a finding of their own only where the codes are not constant already."""
    if len(data) < 2 or not (spread := _variance(data)):
        return []
    if code is not None:
        share = _variance(code) / max(float(np.mean(np.square(code, dtype=np.float64))), 1e-30)
        if share <= CONSTANT:
            return [Finding("codes ignore the input", f"the variance of codes over inputs is {share:.2g} of their mean "
                            "square", share, "lower --learning-rate or the --weight of the penalty, and train again")]
    share = _variance(outputs) / spread
    if share > EXPLAINED:
        return []
    return [Finding("outputs ignore the input", f"reconstructions vary by {share:.2g} of the variance of the data",
                    share, "train longer, lower the --weight of the penalty or --beta, or try another --learning-rate")]


def _left(ae: Autoencoder, params: Params, x: np.ndarray, corruption: Corruption) -> list[Finding]:
    share = left_over(ae, params, x, corruption, jax.random.key(0))
    if share <= LEFT:
        return []
    return [Finding("corruption left", f"restored examples are {share:.2f} times as far from the clean ones, in "
                    "squares, as the corrupted ones are", share, "train for more steps (--epochs, or a smaller "
                    "--batch-size), with another --learning-rate or --activation, or a stronger corruption")]


def _variance(a: np.ndarray) -> float:
    """Over the examples, the mean of all places."""
    return float(np.var(a, axis=0, dtype=np.float64).mean())
