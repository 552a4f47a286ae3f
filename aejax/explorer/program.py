"""A network as a list of operations and their weights, which `static/forward.js` runs."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from aejax import losses, networks
from aejax.applications.reconstruction import decode, encode
from aejax.autoencoder import autoencoder
from aejax.bottlenecks import gaussian, point
from aejax.explorer.scene import pack
from aejax.networks.convolution import same_padding
from aejax.networks.convolutional import norm_groups
from aejax.recipes import build_loss, build_network
from aejax.runs import Run
from aejax.types import InputError, Params

SUPPORTED = "dense and convolutional networks in float32 with a code of plain or Gaussian numbers"
Operation = dict[str, Any]


class _Tensors:
    """The weights that operations refer to by number; a matrix that is used twice is kept once."""

    def __init__(self, params: Params):
        self.params, self.numbers, self.packed = params, {}, []

    def __call__(self, *path: str, columns: int | None = None) -> int:
        if (path, columns) not in self.numbers:
            leaf = self.params
            for part in path:
                leaf = leaf[part]
            self.numbers[path, columns] = len(self.packed)
            self.packed.append(pack(np.asarray(leaf)[..., :columns]))
        return self.numbers[path, columns]


def compile_run(run: Run, scale: tuple[float, float], examples: np.ndarray) -> dict[str, Any]:
    """{"encode": operations, "decode": operations, "tensors": …, "check": …} of a run, on the page's scale.

    Args:
      run: of a network that is known here.
      scale: lowest and highest value of the page's scale, `scene.scale_of`.
      examples: some, in the run's range: on them the list is the run's own network is verified, and what JAX makes of
        their codes comes with the program, so that the page can check itself.

    Raises:
      InputError: a network, or a variant, that the page could not compute; it says which ones it can.
    """
    network = _known(run, examples)
    tensors, (low, high) = _Tensors(run.params), scale
    lists = _dense if isinstance(network, networks.Dense) else _convolutional
    into, back = lists(network, tensors, halved=run.ae.posterior is not None)
    enter = [{"do": "affine", "factor": high - low, "term": low}]
    leave = [{"do": "activation", "name": _output_activation(run.recipe.reconstruction)},
             {"do": "affine", "factor": 1 / (high - low), "term": -low / (high - low)}]
    codes = encode(run.ae, run.params, examples)
    images = (decode(run.ae, run.params, codes) - low) / (high - low)
    return {"encode": enter + into, "decode": back + leave, "tensors": tensors.packed,
            "check": {"examples": pack((examples - low) / np.float32(high - low)), "codes": pack(codes),
                      "images": pack(images.astype(np.float32))}}


def _known(run: Run, examples: np.ndarray) -> networks.Dense | networks.Convolutional:
    """The run's network, if the run is nothing but this network: verified on parameters and examples."""
    network = build_network(run.recipe.network)
    unknown = InputError(f"{run.path}: one file holds {SUPPORTED}, but this run is a {run.recipe.variant} one of a "
                         f"{run.recipe.network['name']} network: explore it without --export")
    if type(network) not in (networks.Dense, networks.Convolutional) or run.ae.codebook is not None:
        raise unknown
    if network.precision != "float32":
        raise InputError(f"{run.path}: one file holds {SUPPORTED}, and this one was trained in {network.precision}: "
                         "explore it without --export")
    if run.recipe.variant == "tied":
        network = network.clone(tied=True)
    bottleneck = point
    if run.ae.posterior is not None:
        network, bottleneck = networks.with_gaussian_code(network), gaussian()
    plain = autoencoder(network, bottleneck=bottleneck, reconstruction=build_loss(run.recipe.reconstruction))
    shapes = jax.eval_shape(plain.init, jax.random.key(0), jax.ShapeDtypeStruct(examples.shape, np.float32))
    if jax.tree.map(np.shape, shapes) != jax.tree.map(np.shape, run.params):
        raise unknown
    codes = encode(run.ae, run.params, examples)
    same = (np.allclose(encode(plain, run.params, examples), codes, atol=1e-4)
            and np.allclose(decode(plain, run.params, codes), decode(run.ae, run.params, codes), atol=1e-4))
    if not same:
        raise unknown
    return network


def _output_activation(reconstruction: Mapping[str, Any]) -> str:
    if reconstruction["name"] == "cross_entropy":
        return "sigmoid"
    function = getattr(losses, reconstruction["name"])
    return reconstruction.get("activation", inspect.signature(function).parameters["activation"].default)


def _dense(network: networks.Dense, tensors: _Tensors, halved: bool) -> tuple[list[Operation], list[Operation]]:
    each = isinstance(network.activation, tuple)
    hidden = network.activation if each else (network.activation,) * len(network.widths)
    names = (*hidden, network.code_activation)
    into, back = [], []
    for i, name in enumerate(names):
        last = i == len(names) - 1
        columns = network.code_dim if halved and last else None   # of a Gaussian, the means
        kernel = tensors(f"encoder_kernel_{i}", columns=columns)
        into += [{"do": "dense", "kernel": kernel, "bias": tensors(f"encoder_bias_{i}", columns=columns)},
                 {"do": "activation", "name": name}]
        step = {"do": "dense", "bias": tensors(f"decoder_bias_{i}"), "transposed": network.tied,
                "kernel": kernel if network.tied else tensors(f"decoder_kernel_{i}")}
        back = [step, *([{"do": "activation", "name": hidden[i - 1]}] if i else []), *back]
    return into, back


def _convolutional(network: networks.Convolutional, tensors: _Tensors, halved: bool,
                   ) -> tuple[list[Operation], list[Operation]]:
    height, width, colours = network.shape
    rows, columns = network.padded
    step = 2 ** len(network.channels)
    means = network.code_dim if halved else None
    activation = {"do": "activation", "name": network.activation}

    def convolution(name: str, size: Sequence[int], stride: int) -> Operation:
        (top, _), (left, _) = (same_padding(n, stride) for n in size)
        return {"do": "convolution", "kernel": tensors(name, "kernel"), "bias": tensors(name, "bias"),
                "stride": stride, "top": top, "left": left}

    def norm(name: str, channels: int) -> Operation:
        return {"do": "group_norm", "groups": norm_groups(channels), "scale": tensors(name, "scale"),
                "bias": tensors(name, "bias")}
    into = [{"do": "pad_edge", "height": rows, "width": columns}]
    for i, channels in enumerate(network.channels):
        size = rows // 2**i, columns // 2**i
        into += [convolution(f"down_{i}", size, 2), norm(f"down_norms_{i}", channels), activation]
    into += [{"do": "dense", "kernel": tensors("to_code", "kernel", columns=means),
              "bias": tensors("to_code", "bias", columns=means)},
             {"do": "activation", "name": network.code_activation}]
    size = rows // step, columns // step
    back = [{"do": "dense", "kernel": tensors("from_code", "kernel"), "bias": tensors("from_code", "bias"),
             "transposed": False}, activation,
            {"do": "shape", "height": size[0], "width": size[1], "channels": network.channels[-1]}]
    for i, channels in enumerate((*network.channels[-2::-1], colours)):
        size = rows // step * 2**i, columns // step * 2**i
        back += [convolution(f"up_{i}", size, 1), {"do": "depth_to_space", "factor": 2}]
        if i < len(network.channels) - 1:
            back += [norm(f"up_norms_{i}", channels), activation]
    return into, [*back, {"do": "crop", "height": height, "width": width}]
