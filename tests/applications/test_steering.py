import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import variants
from aejax.applications import edits, steering
from aejax.types import Autoencoder, InputError

SIZE = 11


def blob(params, z):
    """A bright spot at row and column z, from the middle."""
    place = jnp.arange(SIZE) - (SIZE - 1) / 2
    rows, columns = (jnp.exp(-jnp.square(place[None] - params["stretch"] * z[:, i: i + 1]) / 4) for i in range(2))
    return (rows[:, :, None] * columns[:, None, :])[..., None]


def _loss(params, key, x):
    error = 0.5 * jnp.mean(jnp.sum(jnp.square(blob(params, edits.centre(x)) - x), axis=(1, 2, 3)))
    return error, {"loss": error, "reconstruction": error, "penalty": jnp.zeros(())}


BLOBS = Autoencoder(init=None, encode=lambda params, x: edits.centre(x / jnp.float32(1)), decode=blob, loss=_loss,
                    range=(0.0, 1.0))
PARAMS = {"stretch": jnp.float32(1)}
X = np.asarray(blob(PARAMS, jnp.asarray(np.random.default_rng(0).uniform(-1.5, 1.5, (128, 2)), jnp.float32)))


def learn(ae=BLOBS, params=PARAMS, x=X, **options):
    options = {"edit": "shift_x", "limit": 1.0, "epochs": 40, "batch_size": 32, "learning_rate": 0.03} | options
    return steering.learn(ae, params, x, key=jax.random.key(0), **options)


@pytest.fixture(scope="module")
def shifted():
    return learn()


def test_the_direction_of_a_shift_is_found(shifted):
    """The code is the place: moving right by α pixels is z + α (0, 1), whatever scale the codes have."""
    np.testing.assert_allclose(shifted.direction, [0, 1], atol=0.03)
    history = shifted.history["walk"]
    assert history[-1] < 0.02 * history[0]


def test_steering_beats_doing_nothing(shifted):
    alphas = [-1.0, -0.5, 0.0, 0.5, 1.0]
    walked, wanted = steering.steer(BLOBS, shifted, X[:20], alphas), steering.edited(BLOBS, "shift_x", X[:20], alphas)
    assert walked.shape == wanted.shape == (20, 5, SIZE, SIZE, 1)
    errors = steering.errors(BLOBS, PARAMS, shifted, X[:20], alphas)
    np.testing.assert_allclose(errors["walk"], np.square(walked - wanted).mean(axis=(0, 2, 3, 4)), rtol=1e-4)
    np.testing.assert_allclose(errors["no edit"], np.square(X[:20, None] - wanted).mean(axis=(0, 2, 3, 4)), rtol=1e-4,
                               atol=1e-9)
    moved = np.array([0, 1, 3, 4])
    assert (errors["walk"][moved] < 0.1 * errors["no edit"][moved]).all()
    assert (errors["edited image reconstructed"][moved] < 0.1 * errors["no edit"][moved]).all()
    centres = edits.centre(jnp.asarray(walked[0]))[:, 1]
    np.testing.assert_allclose(np.diff(centres), 0.5, atol=0.05)


def test_alpha_0_is_the_reconstruction_and_the_autoencoder_stays(shifted):
    expected = blob(PARAMS, BLOBS.encode(PARAMS, X[:5]))
    np.testing.assert_allclose(steering.steer(BLOBS, shifted, X[:5], [0.0])[:, 0], expected, atol=1e-6)
    assert float(shifted.parameters["autoencoder"]["stretch"]) == 1.0
    assert float(PARAMS["stretch"]) == 1.0   # the caller's buffers were not taken


def test_a_nonlinear_walk_goes_where_no_line_leads():
    """Turning: the direction depends on the place, z ↦ α (−x, y), which a line cannot do."""
    options = {"edit": "rotate", "limit": 30.0, "epochs": 60}
    line, curve = (learn(walk=walk, **options) for walk in steering.WALKS)
    assert curve.direction is None and line.direction.shape == (2,)
    errors = [steering.errors(BLOBS, PARAMS, found, X, [-25.0, 25.0]) for found in (line, curve)]
    assert (errors[1]["walk"] < 0.2 * errors[0]["walk"]).all()
    assert (errors[1]["walk"] < 0.2 * errors[1]["no edit"]).all()


def test_joint_training_changes_the_autoencoder_too(dense, images):
    ae = variants.standard(dense)
    params = ae.init(jax.random.key(0), images)
    frozen, joint = (learn(ae, params, images, edit="brightness", joint=joint, epochs=3) for joint in (False, True))
    for found, same in ((frozen, True), (joint, False)):
        equal = [np.array_equal(a, b) for a, b in zip(jax.tree.leaves(found.parameters["autoencoder"]),
                                                      jax.tree.leaves(params), strict=True)]
        assert all(equal) is same
    assert joint.history["autoencoder"][-1] < joint.history["autoencoder"][0]
    assert frozen.history["autoencoder"] == [0.0] * 3
    fixed = [found.parameters["walk"]["fixed"] for found in (frozen, joint)]
    jax.tree.map(np.testing.assert_array_equal, *fixed)


def test_a_signed_range_is_respected(dense, images):
    from aejax import losses
    ae = variants.standard(dense, reconstruction=losses.squared_error(activation="tanh"))
    params = ae.init(jax.random.key(0), images)
    signed = steering.edited(ae, "brightness", images[:2], [-1.0])[:, 0]
    np.testing.assert_allclose(signed, images[:2] / 255 - 1, atol=1e-5)   # half as bright, black is −1
    found = learn(ae, params, images, edit="brightness", epochs=1)
    assert np.abs(steering.steer(ae, found, images[:2], [0.5])).max() <= 1


@pytest.mark.parametrize(("options", "words"), [
    ({"edit": "turn"}, "rotate"), ({"walk": "curved"}, "linear, nonlinear"), ({"limit": 0.0}, "limit"),
    ({"limit": np.inf}, "limit"), ({"x": X[..., 0]}, "H, W, C"), ({"ae": BLOBS._replace(range=None)}, "range"),
    ({"x": X * 3}, "range"), ({"epochs": 0}, "epochs")])
def test_what_cannot_be_learnt_is_one_line(options, words):
    with pytest.raises(InputError, match=words) as error:
        learn(**options)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("alphas", [[np.nan], [1.0, np.inf], [], np.array(1.0)])
def test_unusable_alphas(shifted, alphas):
    with pytest.raises(InputError, match="alpha"):
        steering.steer(BLOBS, shifted, X[:2], alphas)
