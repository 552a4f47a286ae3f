"""Vector quantisation: the code consists of vectors out of a learnt codebook."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from aejax import codebooks
from aejax.autoencoder import autoencoder
from aejax.networks import VectorQuantised, codebook_of, refuse_skips
from aejax.types import Autoencoder, InputError, Metrics, Network, Penalty, ReconstructionLoss, Scalar


def codebook_terms(commitment: Scalar = 0.25) -> Penalty:
    """Ω = Σ_p ‖sg h_p − e‖² + β ‖h_p − sg e‖² + P/K · Σ_{k unused} ‖e_k − sg t_k‖², e the vector nearest to h_p.

    sg stops gradients. The last sum is over the vectors that are nearest to nothing in the batch: they are drawn to
    `targets`, each with the weight of a vector of average use, until they are the nearest to something. A vector in use
    has no part in it. "perplexity" is that of the batch.
    """
    def penalty(network, params, key, x, code) -> tuple[Float[Array, " batch"], Metrics]:
        codebook, still = codebook_of(params), jax.lax.stop_gradient
        (size, dim), positions = codebook.shape, code.shape[1] // codebook.shape[1]
        numbers = codebooks.indices(still(code), still(codebook))
        chosen = codebooks.vectors(numbers, codebook)
        errors, used = jnp.square(still(code) - chosen), codebooks.counts(numbers, size)
        terms = errors + commitment * jnp.square(code - still(chosen))
        free, each = still(code).reshape(-1, dim), jnp.sum(still(errors).reshape(-1, dim), axis=1)
        distances = jnp.sum(jnp.square(codebook - targets(free, numbers.ravel(), each, size)), axis=1)
        revival = jnp.sum(jnp.where(used == 0, distances, 0.0))
        return jnp.sum(terms, axis=1) + positions / size * revival, {"perplexity": codebooks.perplexity(used)}
    return penalty


def targets(vectors: Float[Array, "n vector"], numbers: Int[Array, " n"], errors: Float[Array, " n"], size: int,
            ) -> Float[Array, "size vector"]:
    """t_k of the vectors k = 0 … K−1: encoder outputs of the batch, where the codebook's error is, in proportion.

    Outputs are put in the order of the vector that they are nearest to; t_k is the one at the share (k + ½)/K of their
    summed errors. So every vector knows, from step to step, the cell that it would divide, and a cell of much error is
    the target of many.
    """
    order = jnp.argsort(numbers)
    share = jnp.cumsum(errors[order])
    place = jnp.searchsorted(share, (jnp.arange(size) + 0.5) / size * share[-1])
    return vectors[order[jnp.minimum(place, len(vectors) - 1)]]


def vector_quantised(network: Network, *, codebook_size: int = 256, vector_dim: int | None = None,
                     commitment: Scalar = 0.25, reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Vector-quantised autoencoder (VQ-VAE): ℓ(x, decode(e)) + Σ_p ‖sg h_p − e_p‖² + β ‖h_p − sg e_p‖².

    The code is P = code_dim / D vectors h_p, each replaced by the nearest vector e_p of the codebook, through which
    gradients pass straight. The codebook is a parameter as any other (ten times as fast, see `networks.codebook_of`); a
    third term of the same form brings vectors that a batch left unused to where codes are, see `codebook_terms`.
    `encode` gives vectors of the codebook, exactly; `decode` first takes the nearest ones.

    Args:
      network: `networks.Spatial` for codes that are a small picture of vectors, or any other with `code_dim`.
      codebook_size: K.
      vector_dim: D, a divisor of the network's code_dim; by default the network's own, else the largest one up to 4.
      commitment: β >= 0.

    Raises:
      InputError: a network that leads around its code, sizes that do not fit, a negative commitment.

    Source: van den Oord, Vinyals, Kavukcuoglu, "Neural discrete representation learning", NeurIPS 2017.

    >>> from aejax import networks, variants
    >>> ae = variants.vector_quantised(networks.Spatial(shape=(28, 28, 1), vector_dim=8), codebook_size=256)
    """
    refuse_skips(network)
    if isinstance(commitment, (int, float)) and commitment < 0:
        raise InputError(f"commitment must not be negative, got {commitment}")
    network = VectorQuantised(network, codebook_size=codebook_size, vector_dim=vector_dim)
    ae = autoencoder(network, penalty=codebook_terms(commitment), weight=1.0, reconstruction=reconstruction)

    def encode(params, x) -> Float[Array, "batch code"]:
        codebook = codebook_of(params)
        return codebooks.vectors(codebooks.indices(ae.encode(params, x), codebook), codebook)
    return ae._replace(encode=encode, codebook=codebook_of)
