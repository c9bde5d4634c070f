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
    with pytest.raises(ValueError, match="X: expected samples of shape"):
        fitted.transform(np.ones((3, 15, 16)))
    with pytest.raises(
        ValueError, match="X: expected samples of shape"
    ):  # not even of as many pixels
        fitted.transform(np.ones((3, 8, 32)))
    with pytest.raises(ValueError, match="J: scales up to"):
        ScatteringTransformer(J=5).fit(good)
    with pytest.raises(ValueError, match="dtype: expected"):
        ScatteringTransformer(dtype="int8").fit(good)
