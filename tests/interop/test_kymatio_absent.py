"""What `interop.kymatio` says without kymatio, of objects that only look like its own."""

from types import SimpleNamespace

import pytest

from geomdl import interop


class ScatteringBase1D(SimpleNamespace):
    """As kymatio's main branch has it."""


def test_sums_over_the_padded_signal_have_no_counterpart():
    theirs = ScatteringBase1D(J=3, shape=(64,), Q=(1, 1), T=8, average="global")
    with pytest.raises(ValueError, match=r"average='global' has no counterpart.*T='global'"):
        interop.kymatio.convert(theirs)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"J": 6, "shape": (50,), "T": 20}, r"transform: J: scales up to 2\^6 = 64 samples"),
        ({"T": 20.5}, "transform: T: expected an integer of at least 1, got 20.5"),
        ({"max_order": 3}, "transform: max_order=3 has no counterpart"),
    ],
)
def test_what_has_no_counterpart_is_said_of_the_transform(option, message):
    usual = {
        "J": 3, "shape": (64,), "Q": (1, 1), "T": 8, "max_order": 2, "out_type": "array",
        "oversampling": 0,
    }  # fmt: skip
    assert interop.kymatio.convert(ScatteringBase1D(**usual)).T == 8
    with pytest.raises(ValueError, match=f"^{message}"):
        interop.kymatio.convert(ScatteringBase1D(**usual | option))
