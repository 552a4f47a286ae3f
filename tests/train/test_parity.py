"""Against PyTorch: the notebook's loop and ours, from equal weights and equal batches. Needs the bench extra."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import data, losses, networks, variants
from aejax.train.step import TrainState, train_step

torch = pytest.importorskip("torch", reason="parity with PyTorch needs the bench extra: pip install 'aejax[bench]'")
pytestmark = pytest.mark.bench


def test_200_adam_steps_give_the_notebooks_weights():
    import jax
    images = data.load().train[:2560]
    module = torch.nn.Sequential(torch.nn.Linear(784, 30), torch.nn.Tanh(), torch.nn.Linear(30, 784), torch.nn.Tanh())
    torch.manual_seed(0)
    for layer in (module[0], module[2]):
        layer.reset_parameters()
    names = [("encoder_kernel_0", "encoder_bias_0"), ("decoder_kernel_0", "decoder_bias_0")]
    # copies: from_numpy and numpy() share memory, and torch's optimiser writes in place
    params = {name: jnp.array(tensor.detach().numpy().T.copy()) for names_, layer in zip(names, (module[0], module[2]),
              strict=True) for name, tensor in zip(names_, (layer.weight, layer.bias), strict=True)}
    ae = variants.standard(networks.Dense(shape=(28, 28, 1), code_dim=30),
                           reconstruction=losses.mean_squared_error(activation="tanh"))
    optimizer = optax.adam(1e-3)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    step = jax.jit(lambda state, x: train_step(ae, optimizer, state, jax.random.key(0), x))
    theirs = torch.optim.Adam(module.parameters(), lr=1e-3)
    for i in range(200):
        batch = images[i * 256 % 2560: i * 256 % 2560 + 256]
        state, metrics, _ = step(state, batch)
        x = torch.from_numpy(batch.reshape(256, -1)).float() / 255 * 2 - 1
        loss = torch.nn.functional.mse_loss(module(x), x)
        theirs.zero_grad()
        loss.backward()
        theirs.step()
    assert float(metrics["loss"]) == pytest.approx(loss.item(), rel=1e-4)
    for names_, layer in zip(names, (module[0], module[2]), strict=True):
        for name, tensor in zip(names_, (layer.weight, layer.bias), strict=True):
            np.testing.assert_allclose(state.params[name], tensor.detach().numpy().T, atol=1e-4)
