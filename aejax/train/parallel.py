"""Many devices, one global batch a step: by `jit` over a mesh, or by `pmap`.

    mesh   The step of one device. Its batches lie spread over the mesh axis "data", its state on every device, and XLA
           inserts the all-reduce; the noise is that of one device. Long matrices may lie spread over an axis "model".
    pmap   Each device takes the step of its part of the batch, its key folded with the device's index, and `pmean`
           makes gradient, loss and metrics those of all. What a loss says about a whole batch, it says about a part.

Device i of D gets the rows i·B/D … (i+1)·B/D − 1 of every batch. Devices are sorted by process: a process reads and
places consecutive rows, and no others.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array

from aejax.train.devices import Devices, check_batch, choose
from aejax.train.diagnosis import Finite, finite_at
from aejax.train.evaluation import BATCH, evaluate, evaluate_parts, split
from aejax.train.leaves import named, place, to_host
from aejax.train.step import TrainState, run_segment
from aejax.types import Autoencoder, Batch, InputError, Key, Metrics, Params, Scalar

Placed = Any


class Static(NamedTuple):
    """What a program is compiled for."""

    ae: Autoencoder
    optimizer: optax.GradientTransformation
    batch_size: int
    checked: bool = False

    def segment(self, state: TrainState, sums: Metrics, x: Batch, noise_key: Key, epoch: Scalar, start: Scalar,
                stop: Scalar, axis: str | None = None) -> tuple[TrainState, Metrics, Array]:
        """`run_segment` of batches that `x` holds."""
        return run_segment.__wrapped__(state, sums, x, None, noise_key, epoch, start, stop, axis=axis, **self._asdict())


class OneDevice:
    """The default device, which holds all data."""

    resident, share = True, (0, 1)

    def birthplace(self) -> contextlib.AbstractContextManager:
        """Where the first state is made."""
        return contextlib.nullcontext()

    def spread(self, tree: Any) -> Any:
        """`tree` where training wants it."""
        return tree

    def validation(self, x: Batch | None) -> Placed:
        """Data as `evaluate` takes them."""
        return jax.device_put(x)

    def run(self, state: TrainState, sums: Metrics, x: Batch, order: np.ndarray | None, noise_key: Key, epoch: int,
            start: int, stop: int, **static: Any) -> tuple[TrainState, Metrics, Array]:
        """`run_segment`."""
        return run_segment(state, sums, x, order, noise_key, epoch, start, stop, **static)

    def evaluate(self, params: Params, key: Key, x: Placed, *, ae: Autoencoder) -> Metrics:
        """`evaluate`, exact whatever the number of examples; the numbers are those of one device, up to rounding."""
        return evaluate(params, key, x, ae=ae)

    def finite_at(self, params: Params, x: Batch, order: np.ndarray | None, *where: Any, **static: Any) -> Finite:
        """`diagnosis.finite_at`."""
        return finite_at(params, x, order, *where, **static)


@dataclasses.dataclass(frozen=True)
class OverMesh:
    """`jit` over a mesh (data, model) of `devices`; every `model` neighbours hold one copy of the state together."""

    devices: tuple[jax.Device, ...]
    model: int = 1
    resident = False

    @functools.cached_property
    def mesh(self) -> Mesh:
        """The axes are Auto: no program has to know of them."""
        grid = np.array(self.devices).reshape(-1, self.model)
        return Mesh(grid, ("data", "model"), axis_types=(AxisType.Auto,) * 2)

    @property
    def share(self) -> tuple[int, int]:
        """(i, n): this process has the i-th of n equal parts of every batch."""
        parts = [i for i, row in enumerate(self.mesh.devices)
                 if any(device.process_index == jax.process_index() for device in row)]
        return parts[0] // len(parts), self.mesh.shape["data"] // len(parts)

    def birthplace(self) -> contextlib.AbstractContextManager:
        """The host for a model that is spread, since it may be too large for one device."""
        if self.model > 1:
            with contextlib.suppress(RuntimeError):   # where JAX was told to leave the CPU alone
                return jax.default_device(jax.local_devices(backend="cpu")[0])
        return contextlib.nullcontext()

    def spread(self, tree: Any) -> Any:
        """Every leaf on every device; matrices named "kernel" over the axis "model", where there is one."""
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: _put(leaf, NamedSharding(self.mesh, self._layout(path, leaf))), tree)

    def _layout(self, path: Sequence[Any], leaf: Any) -> P:
        name, shape = str(getattr(path[-1], "key", "")) if path else "", np.shape(leaf)
        if self.model == 1 or "kernel" not in name or len(shape) != 2:
            return P()
        long = int(shape[1] >= shape[0])
        return P(*("model" if axis == long else None for axis in range(2))) if shape[long] % self.model == 0 else P()

    def put(self, batches: Batch) -> Batch:
        """This process's rows of K batches, (K, B / n, …) -> (K, B, …) over all devices."""
        sharding, (_, parts) = NamedSharding(self.mesh, P(None, "data")), self.share
        return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(
            sharding, leaf, (leaf.shape[0], leaf.shape[1] * parts, *leaf.shape[2:])), batches)

    def validation(self, x: Batch | None) -> Placed:
        """The parts of `x`, over the devices where these divide them, else on each."""
        def put(axis: int, leaf: Any) -> Array:
            spec = P(*(None,) * axis, "data") if leaf.shape[axis] % self.mesh.shape["data"] == 0 else P()
            return _put(leaf, NamedSharding(self.mesh, spec))
        if x is None:
            return None
        return [jax.tree.map(functools.partial(put, axis), part)
                for axis, part in zip((1, 0), split(jax.tree.map(np.asarray, x), BATCH), strict=True)]

    def program(self, state: TrainState, static: Static) -> Callable:
        """`run_segment` without `order`, compiled for these devices; it leaves the state laid out as it was."""
        leaves, tree = jax.tree.flatten(state)
        return _mesh_program(tree, tuple(leaf.sharding for leaf in leaves), NamedSharding(self.mesh, P()), static)

    def run(self, state: TrainState, sums: Metrics, x: Batch, order: None, noise_key: Key, epoch: int, start: int,
            stop: int, **static: Any) -> tuple[TrainState, Metrics, Array]:
        """`run_segment`."""
        return self.program(state, Static(**static))(state, sums, x, noise_key, epoch, start, stop)

    def evaluate(self, params: Params, key: Key, x: Placed, *, ae: Autoencoder) -> Metrics:
        """As `OneDevice.evaluate`."""
        return evaluate_parts(params, key, *x, ae=ae)

    def finite_at(self, params: Params, x: Batch, order: None, *where: Any, **static: Any) -> Finite:
        """`diagnosis.finite_at`."""
        return finite_at(params, x, order, *where, **static)


@dataclasses.dataclass(frozen=True)
class OverPmap(OverMesh):
    """`pmap` over `devices`. What it returns has no axis of devices: it lies whole on each device of this process."""

    @functools.cached_property
    def mesh(self) -> Mesh:
        """This process's devices: all that `pmap` shows of the others is their part in the means."""
        own = [device for device in self.devices if device.process_index == jax.process_index()]
        return Mesh(np.array(own), ("data",))   # as `pmap` makes it, which would compile again for another

    @property
    def share(self) -> tuple[int, int]:
        """As `OverMesh.share`."""
        own = self.mesh.size
        first = [device.process_index for device in self.devices].index(jax.process_index())
        return first // own, len(self.devices) // own

    def put(self, batches: Batch) -> Batch:
        """This process's rows of K batches, (K, B / n, …) -> (own devices, K, B / D, …)."""
        def parts(leaf: np.ndarray) -> np.ndarray:
            steps, rows, *shape = leaf.shape
            return np.ascontiguousarray(np.moveaxis(leaf.reshape(steps, self.mesh.size, -1, *shape), 1, 0))
        return jax.device_put(jax.tree.map(parts, batches), NamedSharding(self.mesh, P("data")))

    def program(self, state: TrainState, static: Static) -> Callable:
        """`run_segment` without `order` on every device."""
        return _pmap_program(self.devices, static)

    def finite_at(self, params: Params, x: Batch, order: None, *where: Any, **static: Any) -> Finite:
        """`diagnosis.finite_at`: finite on every device."""
        function = functools.partial(finite_at.__wrapped__, axis="data", **static)
        return jax.pmap(function, "data", in_axes=(None, 0, *(None,) * 5), out_axes=None, devices=self.devices)(
            params, x, order, *where)


Route = OneDevice | OverMesh | OverPmap


def route(devices: Devices, parallel: str, model_devices: int, batch_size: int) -> Route:
    """The way to train on `devices`; arguments as for `fit`.

    Raises:
      InputError: devices that are not there, or that do not divide the batch.

    >>> type(route(None, "mesh", 1, 100)).__name__
    'OneDevice'
    """
    if parallel not in ("mesh", "pmap"):
        raise InputError(f"unknown parallel {parallel!r}: mesh or pmap")
    chosen = choose("all" if devices is None and jax.process_count() > 1 else devices)
    if model_devices < 1 or (model_devices > 1 and parallel == "pmap"):
        raise InputError(f"model_devices {model_devices}: at least 1, and 1 with pmap, whose devices each hold the "
                         "whole model")
    if chosen in (None, tuple(jax.local_devices()[:1])) and parallel == "mesh" and model_devices == 1:
        return OneDevice()
    chosen = chosen or tuple(jax.local_devices()[:1])
    if len(chosen) % model_devices:
        raise InputError(f"{len(chosen)} devices are no multiple of model_devices {model_devices}")
    check_batch(batch_size, len(chosen) // model_devices)
    return OverPmap(chosen) if parallel == "pmap" else OverMesh(chosen, model_devices)


def local(tree: Any) -> Any:
    """Copies on this process's default device, wherever the leaves lie; all processes have to call it.

    >>> local({"w": np.ones(2)})["w"].devices() == set(jax.local_devices()[:1])
    True
    """
    return jax.tree.unflatten(jax.tree.structure(tree), map(jnp.asarray, to_host(named(tree)).values()))


def _put(leaf: Any, sharding: NamedSharding) -> Array:
    """Places what every process holds whole, without asking the others."""
    if jnp.issubdtype(getattr(leaf, "dtype", None), jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_put(jax.random.key_data(leaf), sharding), impl=jax.random.key_impl(leaf))
    return place(np.asarray(leaf), jax.ShapeDtypeStruct(np.shape(leaf), np.asarray(leaf).dtype, sharding=sharding))


@functools.lru_cache(64)
def _mesh_program(tree: Any, shardings: tuple[NamedSharding, ...], everywhere: NamedSharding,
                  static: Static) -> Callable:
    return jax.jit(static.segment, donate_argnums=(0, 1),
                   out_shardings=(jax.tree.unflatten(tree, shardings), everywhere, everywhere))


@functools.lru_cache(64)
def _pmap_program(devices: tuple[jax.Device, ...], static: Static) -> Callable:
    function = functools.partial(static.segment, axis="data")
    return jax.pmap(function, "data", in_axes=(None, None, 0, *(None,) * 4), out_axes=None, devices=devices,
                    donate_argnums=(0, 1))
