"""Pictures out of nothing: codes drawn from a prior and decoded.

A variational, a Wasserstein and an adversarial autoencoder are trained towards N(0, I); of any other one the codes are
distributed as they happen to be, and a prior is fitted to them afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import traverse_util
from jaxtyping import Array, Float

from aejax.applications.batches import in_batches
from aejax.applications.flow_prior import FlowPrior, coupling_flow
from aejax.applications.index_prior import IndexPrior, autoregressive
from aejax.applications.priors import Mixture, Prior, check_number, full_gaussian, gaussian_mixture, standard_normal
from aejax.applications.reconstruction import decode, encode
from aejax.types import Autoencoder, Batch, InputError, Key, Params

KINDS: dict[str, type] = {"normal": Mixture, "gaussian": Mixture, "mixture": Mixture, "flow": FlowPrior,
                          "autoregressive": IndexPrior}   # by the name that `fit_prior` takes


def sample(ae: Autoencoder, params: Params, prior: Prior | None, key: Key, n: int, *, temperature: float = 1.0,
           shape: Sequence[int] | None = None, batch_size: int = 1024) -> np.ndarray:
    """decode(z), z ~ prior: n pictures (or rows), (n, *shape) in `ae.range`.

    Args:
      ae, params: trained.
      prior: from `fit_prior`, or anything else that samples codes; None: N(0, I), for autoencoders with a posterior,
        which are trained towards it.
      key: of the draws.
      n: at least 1.
      temperature: from 0 on; 1 draws from the prior itself, less keeps to what is likely.
      shape: of a datum, which the width of the code is read off where prior is None.
      batch_size: codes decoded at a time.

    Raises:
      InputError: no prior for an autoencoder without a posterior; skip connections, which lead past the code.

    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(4,), code_dim=2))
    >>> params = ae.init(jax.random.key(0), np.zeros((3, 4), np.float32))
    >>> sample(ae, params, standard_normal(2), jax.random.key(1), 5).shape
    (5, 4)
    """
    check_decodes(ae)
    if prior is None and ae.posterior is None:
        raise InputError("this autoencoder declares no distribution of its codes, so that there is none to draw from: "
                         "fit a prior first (fit_prior, or aejax sample --prior mixture)")
    if prior is None and shape is None:
        raise InputError("the width of the code is not known: pass shape, that of a datum, or "
                         "prior=standard_normal(code_dim)")
    if prior is None:
        prior = standard_normal(code_dim(ae, params, shape))
    codes = prior.sample(key, check_number(n), temperature=temperature)
    return decode(ae, params, np.asarray(codes), batch_size=batch_size)


def fit_prior(name: str, ae: Autoencoder, params: Params, x: np.ndarray, *, key: Key, **options: Any) -> Prior:
    """A prior of the codes of data.

    Args:
      name: "normal", N(0, I), which looks at no data; "gaussian", of their mean and covariance; "mixture" of
        Gaussians; "flow"; "autoregressive", for codes out of a codebook alone.
      ae, params: trained.
      x: (N, *shape), training data, uint8 or floats in `ae.range`.
      key: of parameters, order and start, and of codes where there is a posterior (see `training_codes`).
      options: of `gaussian_mixture`, `coupling_flow` or `autoregressive`.

    Raises:
      InputError: an unknown name, no codebook for "autoregressive", and as these functions do.
    """
    if name not in KINDS:
        raise InputError(f"unknown prior {name!r}: one of {', '.join(KINDS)}")
    check_decodes(ae)
    if name == "autoregressive" and ae.codebook is None:
        raise InputError("an autoregressive prior is of the indices of a codebook, which this autoencoder has not: "
                         "take normal, gaussian, mixture or flow")
    if name == "normal":
        return standard_normal(code_dim(ae, params, x.shape[1:]))
    draw, fitting = jax.random.split(key)
    codes = training_codes(ae, params, x, draw)
    if name == "gaussian":
        return full_gaussian(codes)
    if name == "mixture":
        return gaussian_mixture(codes, seed=int(jax.random.bits(fitting) >> 1), **options)
    if name == "flow":
        return coupling_flow(codes, key=fitting, **options)
    return autoregressive(codes, ae.codebook(params), key=fitting, **options)


def training_codes(ae: Autoencoder, params: Params, x: np.ndarray, key: Key, *, batch_size: int = 1024,
                   ) -> Float[np.ndarray, "n code"]:
    """What the decoder saw in training: the codes of x, or, where there is a posterior, one draw from each q(z|x)."""
    if ae.posterior is None:
        return encode(ae, params, x, batch_size=batch_size)
    mean, log_var = in_batches(_posterior, ae, params, x, batch_size)
    noise = np.asarray(jax.random.normal(key, mean.shape))
    return mean + np.exp(0.5 * log_var) * noise


def _posterior(ae: Autoencoder, params: Params, x: Batch) -> tuple[Array, Array]:
    return ae.posterior(params, x)


def check_decodes(ae: Autoencoder) -> None:
    """Refuses an autoencoder whose pictures do not come out of the code alone."""
    if ae.reconstruct is not None:
        raise InputError("this network's skip connections lead past the code, so that no code makes a picture: train "
                         "one without them")


def code_dim(ae: Autoencoder, params: Params, shape: Sequence[int]) -> int:
    """Width of the code of data of a shape; nothing is computed."""
    return jax.eval_shape(ae.encode, params, jax.ShapeDtypeStruct((1, *shape), np.float32)).shape[1]


def as_arrays(prior: Mixture | FlowPrior | IndexPrior) -> dict[str, np.ndarray]:
    """A fitted prior as named arrays, for a file."""
    flat = traverse_util.flatten_dict(prior._asdict(), sep="/")
    return {name: np.asarray(array, order="C") for name, array in flat.items()}


def of_arrays(name: str, arrays: Mapping[str, np.ndarray]) -> Mixture | FlowPrior | IndexPrior:
    """The prior of the kind `name` that `as_arrays` was given.

    Raises:
      InputError: an unknown kind, or arrays that are not of it.

    >>> of_arrays("normal", as_arrays(standard_normal(3))).means.shape
    (1, 3)
    """
    kind = KINDS.get(name)
    named = traverse_util.unflatten_dict(dict(arrays), sep="/")
    if kind is None or set(named) != set(kind._fields) or not all(np.isfinite(a).all() for a in arrays.values()):
        raise InputError(f"no arrays of a prior {name!r}: fit it again")
    return kind(**named)
