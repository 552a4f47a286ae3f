"""What the speed benchmark compares with: other libraries' loops over the same images.

Each function returns a call that trains one epoch and goes on from its last state; the other libraries run in processes
of their own (`experiments/_apart.py`), with their threads' own settings. All train n-d-n with tanh, squared
error and Adam (1e-3), on pixels in [-1, 1]; scikit-learn alone has an identity output, the only one it offers.
"""

import contextlib
import importlib.util
import io
import logging
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from experiments._harness import Call

LEARNING_RATE = 1e-3


def signed(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, C) -> float32 (N, n) in [-1, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 127.5 - 1


def _torch_dense(size: int, code_dim: int):
    from torch import nn
    return nn.Sequential(nn.Linear(size, code_dim), nn.Tanh(), nn.Linear(code_dim, size), nn.Tanh())


def torch_notebook(images: np.ndarray, x: np.ndarray, code_dim: int, batch_size: int) -> Call:
    """The lecture notebook's loop: a Dataset that does ToTensor and Normalize for each item, and a DataLoader."""
    import torch

    class Digits(torch.utils.data.Dataset):
        def __len__(self):
            return len(images)

        def __getitem__(self, index):
            pixels = torch.from_numpy(images[index]).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
            return pixels.sub_(0.5).div_(0.5)
    model = _torch_dense(x.shape[1], code_dim)
    loader = torch.utils.data.DataLoader(Digits(), batch_size=batch_size, shuffle=True)
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def call():
        for batch in loader:
            batch = batch.view(batch.size(0), -1)
            loss = criterion(model(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return call


def torch_tuned(images: np.ndarray, x: np.ndarray, code_dim: int, batch_size: int) -> Call:
    """PyTorch without the loader: the whole set resident, one permutation an epoch, fused Adam."""
    return _torch_resident(_torch_dense(x.shape[1], code_dim), x, batch_size)


def _torch_resident(model, x: np.ndarray, batch_size: int) -> Call:
    """One thread or all, whichever takes fewer seconds for a few steps: small networks may not gain by a second."""
    import torch
    data = torch.from_numpy(x)
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)

    def epoch(examples: int):
        order = torch.randperm(len(data))[:examples]
        for start in range(0, len(order) - batch_size + 1, batch_size):
            batch = data.index_select(0, order[start:start + batch_size])
            loss = criterion(model(batch), batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        epoch(4 * batch_size)
        begin = time.perf_counter()
        epoch(20 * batch_size)
        return time.perf_counter() - begin
    torch.set_num_threads(min((1, os.cpu_count()), key=seconds))
    return lambda: epoch(len(data))


def pythae(images: np.ndarray, x: np.ndarray, code_dim: int, batch_size: int) -> Call:
    """Pythae's AE with networks of the same widths: its trainer's own epoch, its progress bar into the void."""
    silence = io.StringIO()
    with contextlib.redirect_stderr(silence), tempfile.TemporaryDirectory() as folder:   # its log handler keeps stderr
        import torch
        from pythae.data.datasets import BaseDataset
        from pythae.models import AE, AEConfig
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder
        from pythae.trainers import BaseTrainer, BaseTrainerConfig
        logging.getLogger("pythae").propagate = False
        size = x.shape[1]

        class Encoder(BaseEncoder):
            def __init__(self):
                super().__init__()
                self.layers = torch.nn.Sequential(torch.nn.Linear(size, code_dim), torch.nn.Tanh())

            def forward(self, x):
                return ModelOutput(embedding=self.layers(x))

        class Decoder(BaseDecoder):
            def __init__(self):
                super().__init__()
                self.layers = torch.nn.Sequential(torch.nn.Linear(code_dim, size), torch.nn.Tanh())

            def forward(self, z):
                return ModelOutput(reconstruction=self.layers(z))
        model = AE(AEConfig(input_dim=(size,), latent_dim=code_dim), encoder=Encoder(), decoder=Decoder())
        config = BaseTrainerConfig(output_dir=folder, per_device_train_batch_size=batch_size, no_cuda=True,
                                   learning_rate=LEARNING_RATE)
        trainer = BaseTrainer(model, BaseDataset(torch.from_numpy(x), torch.zeros(len(x))), training_config=config)
        trainer.prepare_training()

    def call():
        with contextlib.redirect_stderr(silence):
            trainer.train_step(1)
    return call


def scikit_learn(images: np.ndarray, x: np.ndarray, code_dim: int, batch_size: int) -> Call:
    """MLPRegressor from x to x; `partial_fit` is one shuffled epoch in batches. Slow: an eighth of the images, × 8."""
    from sklearn.neural_network import MLPRegressor
    model = MLPRegressor(hidden_layer_sizes=(code_dim,), activation="tanh", solver="adam", batch_size=batch_size,
                         alpha=0.0, learning_rate_init=LEARNING_RATE)
    part = x[: max(len(x) // 8, batch_size)]

    def call() -> float:
        begin = time.perf_counter()
        model.partial_fit(part, part)
        return (time.perf_counter() - begin) * len(x) / len(part)
    return call


def keras(images: np.ndarray, x: np.ndarray, code_dim: int, batch_size: int) -> Call:
    """Keras on JAX, `model.fit` for one epoch."""
    os.environ["KERAS_BACKEND"] = "jax"   # read when keras is imported, which is here
    import keras
    layers = [keras.layers.Dense(code_dim, activation="tanh"), keras.layers.Dense(x.shape[1], activation="tanh")]
    model = keras.Sequential([keras.Input((x.shape[1],)), *layers])
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="mse")
    return lambda: model.fit(x, x, epochs=1, batch_size=batch_size, verbose=0)


PEERS: dict[str, tuple[str, Callable[..., Call]]] = {   # name: (the package it needs, the function)
    "PyTorch notebook": ("torch", torch_notebook), "PyTorch tuned": ("torch", torch_tuned),
    "Pythae": ("pythae", pythae), "scikit-learn": ("scikit-learn", scikit_learn), "Keras (JAX)": ("keras", keras),
}
_MODULES = {"scikit-learn": "sklearn"}


def installed() -> dict[str, str]:
    """{package: version} of the peers that are here; names those that are not."""
    packages = dict.fromkeys(package for package, _ in PEERS.values())
    here = [package for package in packages if importlib.util.find_spec(_MODULES.get(package, package))]
    missing = [package for package in packages if package not in here]
    if missing:
        print(f"left out, since not installed: {', '.join(missing)}", file=sys.stderr)
    return {package: version(package) for package in here}


CONVOLUTIONAL = ("PixelShuffle", "resize")   # before each convolution, by the nearest pixel


def torch_convolutional(form: str, shape: tuple[int, ...], channels: tuple[int, ...], code_dim: int, x: np.ndarray,
                        batch_size: int) -> Call:
    """`networks.Convolutional` in PyTorch: as it is (PixelShuffle), or with another way up."""
    from torch import nn
    height, width, depth = shape
    data = np.ascontiguousarray(x.reshape(-1, height, width, depth).transpose(0, 3, 1, 2))
    channels = (depth, *channels)
    stages = list(zip(channels[:-1], channels[1:], strict=True))
    step = 2 ** len(stages)
    inner = (channels[-1], math.ceil(height / step), math.ceil(width / step))

    def normalised(c: int) -> list:
        return [nn.GroupNorm(math.gcd(8, c), c), nn.ReLU()]

    def build(up: Callable[[int, int], list]):
        down = [layer for a, b in stages for layer in (nn.Conv2d(a, b, 3, stride=2, padding=1), *normalised(b))]
        code = [nn.Flatten(), nn.Linear(math.prod(inner), code_dim),
                nn.Linear(code_dim, math.prod(inner)), nn.ReLU(), nn.Unflatten(1, inner)]
        back = [layer for a, b in stages[:0:-1] for layer in (*up(b, a), *normalised(a))]
        return nn.Sequential(*down, *code, *back, *up(stages[0][1], depth), nn.Tanh())
    forms = {"PixelShuffle": lambda a, b: [nn.Conv2d(a, 4 * b, 3, padding=1), nn.PixelShuffle(2)],
             "resize": lambda a, b: [nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1)]}
    return _torch_resident(build(forms[form]), data, batch_size)
