"""The bridge loads without escnn, and says what to do when it is needed."""

import subprocess
import sys

import pytest
from torch import nn

from geomdl.interop.escnn import convert


def test_without_escnn_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "escnn", None)
    monkeypatch.delitem(sys.modules, "escnn.nn", raising=False)
    with pytest.raises(ImportError, match=r"escnn: is needed .* pip install escnn") as caught:
        convert(nn.Linear(2, 2))
    assert "\n" not in str(caught.value)


def test_loading_the_bridge_loads_no_escnn() -> None:
    script = "import geomdl.interop.escnn, sys; sys.exit('escnn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
