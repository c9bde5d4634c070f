"""The transformer in pipelines, searches and with bad input."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from geomdl.interop.sklearn import ScatteringTransformer
from geomdl.scattering import Scattering1D, Scattering2D


def test_images_and_signals():
    rng = np.random.default_rng(0)
    images, signals = rng.normal(size=(5, 16, 12)), rng.normal(size=(5, 64))
    found = ScatteringTransformer(J=2, L=4, dtype="float64").fit_transform(images)
    expected = Scattering2D(2, (16, 12), L=4).double()(torch.as_tensor(images)).flatten(1)
    assert np.abs(found - expected.numpy()).max() <= 1e-14
    transformer = ScatteringTransformer(J=3, Q=2, dtype="float64", batch_size=2)
    found = transformer.fit(signals).transform(signals)
    expected = Scattering1D(3, 64, Q=2).double()(torch.as_tensor(signals)).flatten(1)
    assert np.abs(found - expected.numpy()).max() <= 1e-14
    names = transformer.get_feature_names_out()
    assert len(names) == found.shape[1] == len(set(names))
    assert names[0] == "S0[0]"


@pytest.mark.parametrize("T", [2, "global"])
def test_width(T):
    images = np.random.default_rng(1).normal(size=(3, 16, 12))
    transformer = ScatteringTransformer(J=2, L=2, T=T, dtype="float64")
    found = transformer.fit_transform(images)
    expected = Scattering2D(2, (16, 12), L=2, T=T).double()(torch.as_tensor(images)).flatten(1)
    assert np.abs(found - expected.numpy()).max() <= 1e-14
    assert len(transformer.get_feature_names_out()) == found.shape[1]


def test_in_a_pipeline():
    x, y = load_digits(return_X_y=True)
    steps = ScatteringTransformer(J=1, shape=(8, 8)), StandardScaler(), LogisticRegression()
    pipe = make_pipeline(*steps)
    search = GridSearchCV(pipe, {"scatteringtransformer__L": [2, 4]}, cv=2).fit(x[:600], y[:600])
    assert search.score(x[600:1200], y[600:1200]) > 0.9
    assert clone(pipe).get_params()["scatteringtransformer__J"] == 1


def test_bad_input():
    good = np.ones((3, 16, 16))
    bad = good.copy()
    bad[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        ScatteringTransformer().fit(bad)
    fitted = ScatteringTransformer().fit(good)
    for shape in ((15, 16), (8, 32)):  # not even of as many pixels
        with pytest.raises(ValueError, match=rf"shape \(16, 16\), got \({shape[0]}, {shape[1]}\)"):
            fitted.transform(np.ones((3, *shape)))
    with pytest.raises(ValueError, match="J: scales up to"):
        ScatteringTransformer(J=5).fit(good)
    with pytest.raises(ValueError, match="dtype: expected"):
        ScatteringTransformer(dtype="int8").fit(good)
    with pytest.raises(ValueError, match="X: expected signals"):
        ScatteringTransformer().fit(good[:, None])
    with pytest.raises(ValueError, match=r"shape: expected 1 or 2 sizes, got \(4, 4, 4\)"):
        ScatteringTransformer(shape=(4, 4, 4)).fit(np.ones((3, 64)))
    for size in (0, -1, 2.5):
        message = f"batch_size: expected an integer of at least 1, got {size}"
        with pytest.raises(ValueError, match=message):
            ScatteringTransformer(batch_size=size).fit(good)
        with pytest.raises(ValueError, match=message):
            clone(fitted).fit(good).set_params(batch_size=size).transform(good)
    with pytest.raises(ValueError, match="input_features should have length equal"):
        fitted.get_feature_names_out(["a"])


def test_what_is_too_large_for_the_dtype():
    signals = np.random.default_rng(0).normal(size=(3, 64))
    with pytest.raises(ValueError, match=r"X contains infinity or a value too large.*float32"):
        ScatteringTransformer().fit(1e300 * signals)
    fitted = ScatteringTransformer().fit(signals)
    with pytest.raises(
        ValueError, match="X: values so large that coefficients overflow in float32"
    ):
        fitted.transform(1e37 * signals)
    assert np.isfinite(ScatteringTransformer(dtype="float64").fit_transform(1e37 * signals)).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("options", [{"J": 1}, {"J": 1, "dtype": "float64", "T": "global"}])
def test_the_checks_of_scikit_learn(options):
    check_estimator(ScatteringTransformer(**options))


def test_searching_over_numbers_of_numpy():
    x, y = load_digits(return_X_y=True)
    pipe = make_pipeline(ScatteringTransformer(shape=(8, 8), L=2), LogisticRegression())
    grid = {"scatteringtransformer__J": np.arange(1, 3)}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(x[:40] / 16, y[:40])
    assert search.best_params_["scatteringtransformer__J"] in (1, 2)


class Table:
    """What is used of a data frame: names of columns, and an array."""

    def __init__(self, columns, values):
        self.columns, self.values, self.shape = columns, values, values.shape

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def test_columns_keep_their_order():
    values = np.random.default_rng(0).normal(size=(3, 4))
    transformer = ScatteringTransformer(J=1).fit(Table(["a", "b", "c", "d"], values))
    assert transformer.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    expected = transformer.transform(values)
    assert np.array_equal(transformer.transform(Table(["a", "b", "c", "d"], values)), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(Table(["b", "a", "c", "d"], values))
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        transformer.get_feature_names_out(["b", "a", "c", "d"])
    assert len(transformer.get_feature_names_out(["a", "b", "c", "d"])) == expected.shape[1]
    assert not hasattr(transformer.fit(values), "feature_names_in_")


def test_arrays_that_cannot_be_written_to():
    """No warning of torch's, and the array is left as it was."""
    signals = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    expected = ScatteringTransformer().fit_transform(signals)
    signals.setflags(write=False)
    assert np.array_equal(ScatteringTransformer(shape=64).fit_transform(signals), expected)
