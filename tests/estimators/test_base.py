import numpy as np
import pytest

from aejax.estimators import AutoencoderTransformer
from aejax.types import InputError


@pytest.mark.parametrize(("parameter", "value"), [
    ("epochs", 0), ("epochs", 2.5), ("batch_size", 0), ("patience", 0), ("learning_rate", 0.0),
    ("learning_rate", float("nan")), ("learning_rate", "fast"), ("validation_fraction", 1.0),
    ("validation_fraction", -0.1), ("code_dim", 0), ("code_dim", "two"), ("widths", 64), ("widths", (0,)),
    ("network", "dens"), ("variant", "denoise"),
    ("activation", "rleu"), ("reconstruction", "l2"), ("random_state", "seed"), ("options", {"weigth": 1.0}),
    ("validation_fraction", 0.001),
])
def test_a_wrong_parameter_is_named_by_fit(table, parameter, value):
    model = AutoencoderTransformer(**{"epochs": 1} | {parameter: value})   # which takes anything
    with pytest.raises(ValueError) as raised:
        model.fit(table)
    assert str(value) in str(raised.value) or "weigth" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_history_and_early_stopping(table):
    model = AutoencoderTransformer(epochs=40, learning_rate=0.5, validation_fraction=0.25, patience=2, random_state=0)
    model.fit(table)
    assert set(model.history_) == {"loss", "reconstruction", "penalty", "val_loss", "val_reconstruction",
                                   "val_penalty", "seconds"}
    assert {len(values) for values in model.history_.values()} == {model.n_epochs_} and 3 <= model.n_epochs_ < 40
    best = int(np.argmin(model.history_["val_loss"]))
    assert best == model.n_epochs_ - 3   # two more were waited for


def test_without_validation_all_epochs_are_done(transformer):
    assert transformer.n_epochs_ == 30 and "val_loss" not in transformer.history_


def test_random_state(table):
    def code(random_state):
        return AutoencoderTransformer(epochs=1, random_state=random_state).fit(table).transform(table[:3])
    np.testing.assert_array_equal(code(1), code(1))
    np.testing.assert_array_equal(code(np.random.RandomState(1)), code(1))
    assert (code(2) != code(1)).any()
    generator = np.random.RandomState(1)
    assert (code(generator) != code(generator)).any()   # it moves on, as elsewhere in scikit-learn


def test_a_standardised_table_and_a_bounded_loss_are_refused(table):
    with pytest.raises(InputError, match="standardise=False"):
        AutoencoderTransformer(reconstruction="cross_entropy").fit(table)
    unit = np.random.default_rng(0).random((64, 6))
    model = AutoencoderTransformer(reconstruction="cross_entropy", standardise=False, epochs=1).fit(unit)
    assert model.standardiser_ is None and 0 <= model.reconstruct(unit).min() <= model.reconstruct(unit).max() <= 1
    with pytest.raises(InputError, match="range 0 to 1"):
        model.transform(table)


def test_epochs_are_reported_on_request(table, capsys):
    AutoencoderTransformer(epochs=2, verbose=True).fit(table)
    assert "AutoencoderTransformer: epoch 2/2" in capsys.readouterr().err


def test_fits_of_one_kind_share_their_programs(table, monkeypatch):
    from jax import monitoring
    AutoencoderTransformer(epochs=1, random_state=0).fit(table).transform(table)
    compiled = []
    monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(event) if "backend_compile" in event else None)
    model = AutoencoderTransformer(epochs=2, random_state=1).fit(table)
    model.transform(table)
    assert compiled == []
