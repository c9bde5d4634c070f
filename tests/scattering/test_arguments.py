"""Arguments of all transforms: what is refused, in one line that names it; NumPy's numbers."""

import math
import re

import numpy as np
import pytest
import torch

from geomdl.scattering import (
    GraphScattering,
    HarmonicScattering3D,
    RotoTranslationScattering,
    Scattering1D,
    Scattering2D,
    ScatteringSpectra,
    TimeFrequencyScattering,
)

SIGNAL = {"J": 2, "shape": 64}
IMAGE = {"J": 2, "shape": (16, 16)}
VOLUME = {"J": 0, "shape": (4, 4, 4)}
WHOLE = "expected an integer of at least 1, got"
FINITE = "value: expected a finite number, got"
REFUSED = [
    (Scattering2D, IMAGE | {"shape": None}, "shape: expected 2 sizes, got None"),
    (Scattering2D, IMAGE | {"shape": 16}, "shape: expected 2 sizes, got 16"),
    (Scattering2D, IMAGE | {"shape": (16, "a")}, f"shape: {WHOLE} 'a'"),
    (Scattering1D, SIGNAL | {"shape": None}, f"shape: {WHOLE} None"),
    (Scattering1D, SIGNAL | {"J": True}, f"J: {WHOLE} True"),
    (Scattering1D, SIGNAL | {"Q": None}, f"Q: {WHOLE} None"),
    (Scattering1D, SIGNAL | {"Q": 1.5}, f"Q: {WHOLE} 1.5"),
    (Scattering1D, SIGNAL | {"Q": ()}, "Q: expected one or two numbers, got ()"),
    (Scattering1D, SIGNAL | {"value": "a"}, f"{FINITE} 'a'"),
    (Scattering2D, IMAGE | {"value": 1j}, f"{FINITE} 1j"),
    (Scattering1D, SIGNAL | {"value": math.nan}, f"{FINITE} nan"),
    (TimeFrequencyScattering, SIGNAL | {"value": None}, f"{FINITE} None"),
    (RotoTranslationScattering, IMAGE | {"value": math.inf}, f"{FINITE} inf"),
    (Scattering1D, SIGNAL | {"channels": 0}, f"channels: {WHOLE} 0"),
    (Scattering2D, IMAGE | {"channels": -1}, f"channels: {WHOLE} -1"),
    (TimeFrequencyScattering, SIGNAL | {"channels": 1.5}, f"channels: {WHOLE} 1.5"),
    (HarmonicScattering3D, VOLUME | {"channels": 0}, f"channels: {WHOLE} 0"),
    (HarmonicScattering3D, VOLUME | {"shape": 8}, "shape: expected 3 sizes, got 8"),
    (HarmonicScattering3D, VOLUME | {"powers": 1.0}, "powers: expected positive numbers, got 1.0"),
    (
        HarmonicScattering3D,
        VOLUME | {"powers": (math.inf,)},
        "powers: expected positive numbers, got (inf,)",
    ),
    (HarmonicScattering3D, VOLUME | {"sigma": "a"}, "sigma: expected a positive width, got 'a'"),
    (
        GraphScattering,
        {"J": 1, "moments": "12"},
        "moments: expected powers of at least 1, got '12'",
    ),
    (
        GraphScattering,
        {"J": 1, "moments": torch.ones(2)},
        "moments: expected powers of at least 1, got tensor([1., 1.])",
    ),
    (
        ScatteringSpectra,
        {"J": 1, "shape": (8, 8, 8)},
        "shape: expected 1 or 2 sizes, got (8, 8, 8)",
    ),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), REFUSED)
def test_one_line_that_names_the_argument(kind, arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        kind(**arguments)


def test_numbers_of_numpy():
    """As a grid search over `np.arange` gives them; held as Python's."""
    two = np.int64(2)
    image = Scattering2D(two, (16 * two, np.int32(16)), L=two, T=two, order=two, channels=two)
    assert image.paths == Scattering2D(2, (32, 16), L=2).paths
    signal = Scattering1D(two, 32 * two, Q=np.array([2, 1]), stride=two, oversampling=two)
    assert signal.Q == (2, 1) and signal.paths == Scattering1D(2, 64, Q=2).paths
    volume = HarmonicScattering3D(
        two, np.array([4, 5, 6]), L=two, sigma=np.float32(1), powers=np.array([0.5, 2])
    )
    assert volume.powers == (0.5, 2.0) and volume.shape == (4, 5, 6)
    held = [image.J, image.L, image.T, *image.shape, signal.J, *signal.Q, volume.J, volume.sigma]
    assert {type(value) for value in held} == {int, float}
    assert TimeFrequencyScattering(two, 32 * two, two, F=two).shape == (64,)
    assert RotoTranslationScattering(two, (16, 16), two, K=two).L == 2
    assert ScatteringSpectra(two, 8 * two).shape == (16,)
    assert len(GraphScattering(two, order=two).paths) == len(GraphScattering(2).paths)


@pytest.mark.parametrize("make", [lambda **o: Scattering1D(2, 16, **o),
                                  lambda **o: Scattering2D(2, (8, 8), L=2, **o)])  # fmt: skip
def test_paths_of_complex_moduli(make):
    """One entry of the metadata for each of the result, averaged or not."""
    for average in (True, False):
        options = {"complex_input": True, "average": average}
        listed, named = make(out="list", **options), make(out="dict", **options)
        x = torch.randn(2, *listed.shape, dtype=torch.complex64)
        found = listed(x)
        assert len(found) == len(listed.paths) == len(listed.names)
        for entry, path, key in zip(found, listed.paths, named(x), strict=True):
            assert (entry["n"], entry["part"]) == (path.n, path.part)
            assert key == path.n + ((path.part,) if path.part else ())
        assert [path.part for path in listed.paths[:2]] == (["re", "im"] if average else ["", ""])
