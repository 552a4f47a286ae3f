"""scikit-learn's own checks of every estimator, and what its tools do with them. No check is expected to fail."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from aejax import losses, networks, variants
from aejax.estimators import AnomalyDetector, AutoencoderTransformer, Imputer

# Their data are few: a conformal threshold warns that alpha needs more.
pytestmark = pytest.mark.filterwarnings("ignore:alpha=0.05 needs 19 held-out examples:UserWarning")


@parametrize_with_checks([kind(epochs=10) for kind in (AutoencoderTransformer, AnomalyDetector, Imputer)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_in_a_pipeline_and_a_grid_search(table, fresh):
    search = GridSearchCV(make_pipeline(StandardScaler(), AutoencoderTransformer(epochs=10, random_state=0)),
                          {"autoencodertransformer__code_dim": [1, 4]}, cv=2).fit(table)
    assert search.best_params_ == {"autoencodertransformer__code_dim": 4}   # wide codes reconstruct better
    assert search.transform(fresh).shape == (128, 4) and search.score(fresh) < 0
    names = search.best_estimator_.get_feature_names_out()
    assert names[0] == "autoencodertransformer0" and len(names) == 4


def test_in_a_pipeline_that_predicts(table):
    y = table[:, 0] > np.median(table[:, 0])
    pipeline = make_pipeline(Imputer(epochs=1, random_state=0), AutoencoderTransformer(epochs=20, random_state=0),
                             LogisticRegression())
    assert pipeline.fit(table, y).score(table, y) > 0.7


def test_processes_of_joblib(table):
    scores = [cross_val_score(AutoencoderTransformer(epochs=1, random_state=0), table, cv=2, n_jobs=n) for n in (1, 2)]
    np.testing.assert_allclose(*scores, rtol=1e-5)


@pytest.mark.parametrize("estimator", [
    AutoencoderTransformer(epochs=1, random_state=0, widths=(8,), variant="contractive", options={"weight": 0.1}),
    AnomalyDetector(epochs=1, random_state=0, threshold="mad"), Imputer(epochs=1, random_state=0)],
    ids=lambda estimator: type(estimator).__name__)
def test_clone_and_pickle(estimator, table, tmp_path):
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    copy.fit(table)
    joblib.dump(copy, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    x = table.copy()
    if isinstance(estimator, Imputer):
        x[:, 1] = np.nan
    method = "predict" if isinstance(estimator, AnomalyDetector) else "transform"
    np.testing.assert_array_equal(getattr(again, method)(x), getattr(copy, method)(x))
    states = [copy, *vars(copy).values()]
    assert not any(callable(value) for value in states), "no function in what is pickled"


def test_clones_of_objects(table):
    ae = variants.standard(networks.Dense(shape=(6,), code_dim=2),
                           reconstruction=losses.squared_error(activation="identity", range=None))
    model = AutoencoderTransformer(variant=ae, epochs=1, random_state=0)
    np.testing.assert_array_equal(clone(model).fit_transform(table), model.fit_transform(table))


def test_set_params_after_fit_changes_nothing_yet(table):
    model = AutoencoderTransformer(code_dim=2, epochs=1, random_state=0).fit(table)
    assert model.set_params(code_dim=4, standardise=False).transform(table).shape == (256, 2)


def test_data_frames(table):
    frames = pytest.importorskip("pandas", reason="not a dependency")
    frame = frames.DataFrame(table, columns=list("abcdef"))
    model = AutoencoderTransformer(epochs=1, random_state=0).set_output(transform="pandas").fit(frame)
    assert model.feature_names_in_.tolist() == list("abcdef")
    assert list(model.transform(frame).columns) == [f"autoencodertransformer{i}" for i in range(3)]
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[list("fedcba")])


def test_tables_of_arrow(table):
    arrow = pytest.importorskip("pyarrow")
    model = AutoencoderTransformer(epochs=1, random_state=0)
    names = list("abcdef")
    columns = arrow.table(dict(zip(names, table.T, strict=True)))
    np.testing.assert_array_equal(model.fit(columns).transform(columns), model.fit(table).transform(table))
    assert getattr(model, "n_features_in_", None) == 6
