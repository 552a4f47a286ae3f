"""Caption to picture, and picture to caption, by an autoencoder whose `encode` reads either.

The loss is that of `autoencoder`, of pictures given captions: ℓ(image, x̂) + β·KL(q(z|image, caption) ‖ N(0, 1)) + λ·Ω,
a conditional variational autoencoder (Sohn et al. 2015): the code consists of what the caption says, and of instances z
that it leaves open. Ω = ½‖slots read from the picture − slots of the caption‖² lets pictures be described.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax import threefry
from aejax.applications.batches import in_batches
from aejax.applications.reconstruction import decode, encode
from aejax.autoencoder import autoencoder, check_data
from aejax.bottlenecks import divergence
from aejax.data.grammar import Vocabulary
from aejax.losses import cross_entropy
from aejax.networks import FromCaption
from aejax.types import (
    Autoencoder,
    Bottleneck,
    Captioned,
    InputError,
    Key,
    Metrics,
    Network,
    Params,
    Scalar,
)

KNOWN = 0.5      # of the training examples have an instance; the others show what the caption alone can say
PATIENCE = 0.3   # of the training, before any has one: from the start, z would learn to say what captions do


def captioned(network: FromCaption, *, beta: Scalar = 1.0, weight: Scalar = 0.02, steps: int | None = None,
              ) -> Autoencoder:
    """An autoencoder of `Captioned` batches, of which `encode` also takes captions alone, or pictures alone.

    ℓ is the cross-entropy. `posterior` gives, for each number of the code, mean and log-variance given what is there: a
    caption decides its slots (log-variance −∞) and leaves instances at the prior's N(0, 1).

    Args:
      network: reads and draws.
      beta: β > 0, what a nat of z costs; small values let draws differ more, and then also in what captions say.
      weight: λ ≥ 0.
      steps: of the training: then no example has an instance in its first `PATIENCE`, and every second one after that.

    >>> network = FromCaption(words=5, side=16, patch=8, margin=2, width=4, hidden=8)
    >>> pair = Captioned(jnp.array([[1, 2, 0]]), jnp.zeros((1, 16, 16, 1)))
    >>> ae = captioned(network)
    >>> ae.encode(ae.init(jax.random.key(0), pair), Captioned(pair.tokens, None)).shape == (1, network.code_dim)
    True
    """
    binary = cross_entropy()
    of_images = binary._replace(per_example=lambda output, x: binary.per_example(output, x.images), nats=None)

    def at(known: Scalar) -> Autoencoder:
        return autoencoder(network, bottleneck=instances(network, beta, known), reconstruction=of_images,
                           penalty=disagreement, weight=weight)
    plain = at(KNOWN)
    return plain if steps is None else plain._replace(
        scheduled=lambda step: at(KNOWN * (step >= PATIENCE * steps)))


def instances(network: FromCaption, beta: Scalar, known: Scalar) -> Bottleneck:
    """Slots as they are, and instances drawn from N(mean, exp(log_var)), which costs β times their KL to N(0, 1).

    Of a share 1 − `known` of the examples the instance is 0, at no cost: there the caption must say all.
    """
    def parts(h: Array) -> list[Array]:
        return jnp.split(h, [network.fixed_dim, network.code_dim], axis=1)

    def sample(key: Key, h: Array) -> tuple[Array, tuple[Array, Metrics]]:
        noise_key, known_key = threefry.split(key)
        slots, mean, log_var = parts(h)
        has = (threefry.uniform(known_key, h.shape[0], 1) < known).astype(h.dtype)
        drawn = has * (mean + jnp.exp(0.5 * log_var) * threefry.normal(noise_key, *mean.shape))
        nats = jnp.sum(divergence(mean, log_var), axis=1)
        return jnp.concatenate([slots, drawn], axis=1), (beta * has[:, 0] * nats, {"kl": jnp.mean(nats)})

    def posterior(h: Array) -> tuple[Array, Array]:
        slots, mean, log_var = parts(h)
        return (jnp.concatenate([slots, mean], axis=1),
                jnp.concatenate([jnp.full_like(slots, -jnp.inf), log_var], axis=1))
    return Bottleneck(lambda h: h[:, : network.code_dim], sample, posterior)


def disagreement(network: Network, params: Params, key: Key, x: Captioned, code: Array) -> Float[Array, " batch"]:
    """Ω: half the squared distance between the slots of a picture and those of its caption, which do not give way."""
    looked = network.apply({"params": params}, x.images, method="look")
    return 0.5 * jnp.sum(jnp.square(looked - jax.lax.stop_gradient(code[:, : looked.shape[1]])), axis=1)


def tokens_of(vocabulary: Vocabulary, captions: Sequence[str]) -> np.ndarray:
    """int32 (N, words); errors as `Vocabulary.split`."""
    if not len(captions):
        raise InputError("no captions given")
    return np.stack([vocabulary.tokens(text) for text in captions])


def _posteriors(ae: Autoencoder, params: Params, x: Captioned) -> tuple[Array, Array]:
    return ae.posterior(params, x)


def imagine(ae: Autoencoder, params: Params, vocabulary: Vocabulary, captions: Sequence[str], *, key: Key | None = None,
            spread: float = 1.0) -> np.ndarray:
    """Pictures of captions, (N, H, W, C) in `ae.range`: decode(code), code ~ p(code | caption).

    Args:
      ae, params: of `captioned`, or any with a `posterior` of captions.
      vocabulary: that of the training.
      captions: of known words, whether the grammar has them or not.
      key: draws what captions leave open; None: the mean of it, the most typical picture.
      spread: of the draw, in standard deviations; 0 is the mean.

    Raises:
      InputError: no captions, an unknown word (with the nearest known one), too many words, or a negative spread.
    """
    if not 0 <= spread < np.inf:
        raise InputError(f"spread is a number of standard deviations from 0 on, got {spread}")
    mean, log_var = in_batches(_posteriors, ae, params, Captioned(tokens_of(vocabulary, captions), None), 256)
    if key is not None:
        mean = mean + spread * np.exp(0.5 * log_var) * np.asarray(jax.random.normal(key, mean.shape))
    return decode(ae, params, mean, batch_size=256)


def describe(ae: Autoencoder, params: Params, vocabulary: Vocabulary, images: np.ndarray, candidates: Sequence[str],
             ) -> list[str]:
    """For each picture the candidate whose code is nearest to the picture's, in the part that captions decide.

    Args:
      ae, params, vocabulary: as for `imagine`.
      images: (N, H, W, C), uint8 or floats in `ae.range`.
      candidates: captions, `[vocabulary.write(scene) for scene in grammar.scenes()]` for example.

    Raises:
      InputError: as `imagine`, or unusable images.
    """
    index = Candidates(ae, params, vocabulary, candidates)
    return [candidates[i] for i in index.nearest(images)]


class Candidates:
    """The codes of candidate captions, computed once, for `describe`."""

    def __init__(self, ae: Autoencoder, params: Params, vocabulary: Vocabulary, candidates: Sequence[str]):
        self.ae, self.params = ae, params
        tokens = tokens_of(vocabulary, candidates)
        few = in_batches(_posteriors, ae, params, Captioned(tokens[:1], None), 1)
        self.decided = np.isneginf(few[1][0])
        self.codes = encode(ae, params, Captioned(tokens, None), batch_size=256)[:, self.decided]

    def nearest(self, images: np.ndarray) -> np.ndarray:
        """(N,): which candidate is nearest to each picture."""
        check_data(images, self.ae.range)
        codes = encode(self.ae, self.params, Captioned(None, images), batch_size=256)[:, self.decided]
        lengths = 0.5 * np.square(self.codes).sum(axis=1)
        return np.concatenate([np.argmin(lengths - part @ self.codes.T, axis=1)
                               for part in np.array_split(codes, -(-len(codes) // 100))])
