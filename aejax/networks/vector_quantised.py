"""`VectorQuantised`: a network whose code is read as vectors of a codebook that is learnt beside it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax import codebooks
from aejax.networks.wrapper import Wrapper
from aejax.types import InputError, Params

UNIT = 10.0   # of the codebook's parameters


def codebook_of(params: Params) -> Float[Array, "size vector"]:
    """The codebook of a `VectorQuantised`, 10 θ with the derivative of θ: it learns ten times as fast as the rest.

    Its vectors have to follow an encoder that learns as well, and in steps of one size for all parameters, as Adam
    takes them, those of a network's matrices are small for vectors of size 1.

    >>> print(codebook_of({"codebook_tenth": jnp.array([[0.1, 0.2]])}))
    [[1. 2.]]
    """
    tenth = jnp.asarray(params["codebook_tenth"])
    return UNIT * jax.lax.stop_gradient(tenth) + (tenth - jax.lax.stop_gradient(tenth))


def _small(key: Array, shape: tuple[int, int]) -> Array:
    """e uniform in ±1/K: among the first codes of any encoder."""
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0) / (UNIT * shape[0])


class VectorQuantised(Wrapper):
    """Holds a codebook e_1 … e_K of vectors of D values for `network`, whose code is code_dim / D of them.

    `encode` gives the network's own code h; `decode` first replaces every D values by the nearest vector, and passes
    gradients straight through to h (`codebooks.straight_through`). Beside the network's parameters there is
    "codebook_tenth", (K, D), see `codebook_of`.

    Attributes:
      network: with `code_dim`, `encode` and `decode`, and no way around the code.
      codebook_size: K, at least 2.
      vector_dim: D, a divisor of the network's code_dim; None: the network's own `vector_dim` if it has one, else the
        largest divisor up to 4.

    >>> import jax, jax.numpy as jnp
    >>> from aejax.networks import Dense
    >>> network = VectorQuantised(Dense(shape=(5,), code_dim=6), codebook_size=16)
    >>> params = network.init(jax.random.key(0), jnp.zeros((3, 5)))["params"]
    >>> codebook_of(params).shape
    (16, 3)
    """

    codebook_size: int = 256
    vector_dim: int | None = None

    def __post_init__(self):
        if self.codebook_size < 2:
            raise InputError(f"codebook_size must be at least 2, got {self.codebook_size}")
        if self.vector_dim is not None and (self.vector_dim < 1 or self.code_dim % self.vector_dim):
            raise InputError(f"vector_dim {self.vector_dim} does not divide a code of {self.code_dim} values")
        super().__post_init__()

    @property
    def vector_size(self) -> int:
        """D."""
        divisors = [size for size in range(1, 5) if self.code_dim % size == 0]
        return self.vector_dim or getattr(self.network, "vector_dim", None) or divisors[-1]

    def setup(self):
        super().setup()
        tenth = self.param("codebook_tenth", _small, (self.codebook_size, self.vector_size))
        self.codebook = codebook_of({"codebook_tenth": tenth})

    def decode(self, code: Float[Array, "batch code"]) -> Array:
        """The network's decoder at the nearest vectors of the codebook."""
        nearest = codebooks.vectors(codebooks.indices(code, self.codebook), self.codebook)
        return self.network.decode(codebooks.straight_through(code, nearest))
