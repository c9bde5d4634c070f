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
