"""Leaves of a tree of arrays under their paths: copied to the host, digested, and put back where they belong."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

__all__ = ["Leaves", "digest", "kind", "layout", "named", "place", "to_host"]
Leaves = dict[str, Any]


def named(tree: PyTree) -> Leaves:
    """The leaves by their paths.

    >>> named({"params": [1, 2]})
    {"['params'][0]": 1, "['params'][1]": 2}
    """
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def kind(leaf: Any) -> dict[str, Any]:
    """Shape and dtype in JSON; those of a typed key name its generator.

    >>> kind(jax.random.key(0))
    {'shape': [], 'dtype': 'key<fry>'}
    """
    leaf = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
    return {"shape": list(leaf.shape), "dtype": str(leaf.dtype)}


def layout(leaf: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of what `to_host` makes of a leaf.

    >>> layout(jax.random.key(0))
    ((2,), dtype('uint32'))
    """
    leaf = jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf
    leaf = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
    return tuple(leaf.shape), leaf.dtype


def to_host(leaves: Leaves) -> dict[str, np.ndarray]:
    """Copies that share no memory with a device's buffer; with several processes each gets the whole of every leaf.

    >>> to_host({"w": jnp.ones(2)})
    {'w': array([1., 1.], dtype=float32)}
    """
    local = {name: _local(leaf) for name, leaf in leaves.items()}
    for leaf in local.values():
        if isinstance(leaf, jax.Array):
            leaf.copy_to_host_async()   # all under way before the first is waited for
    return {name: np.array(leaf) for name, leaf in local.items()}


def place(array: np.ndarray, like: Any) -> Any:
    """Puts `array` where `like` is: on the host, on the default device, or spread over devices; keys become keys.

    >>> place(np.ones(2), jnp.zeros(2)).devices() == {jax.devices()[0]}
    True
    """
    if _is_key(like):
        key = jax.random.wrap_key_data(jnp.array(array), impl=jax.random.key_impl(like))
        return jax.device_put(key, like.sharding) if like.committed else key
    if not isinstance(like, jax.Array | jax.ShapeDtypeStruct):
        return array
    if like.sharding is None or (isinstance(like, jax.Array) and not like.committed):
        return jnp.array(array)
    return jax.make_array_from_callback(array.shape, like.sharding, lambda index: array[index])


def digest(name: str, leaf: Mapping[str, Any], array: np.ndarray) -> str:
    """SHA-256 of a leaf's path, its `kind` and the bytes of `array`.

    >>> digest("w", kind(np.zeros(2)), np.zeros(2)) == digest("w", kind(np.zeros(2)), -np.zeros(2))
    False
    """
    total = hashlib.sha256(json.dumps([name, leaf["shape"], leaf["dtype"]]).encode())
    total.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return total.hexdigest()


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _local(leaf: Any) -> Any:
    leaf = jax.random.key_data(leaf) if _is_key(leaf) else leaf
    if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
        return leaf
    if leaf.is_fully_replicated:
        return leaf.addressable_data(0)
    from jax.experimental import multihost_utils
    return multihost_utils.process_allgather(leaf, tiled=True)
