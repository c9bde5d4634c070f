import math
from pathlib import Path

import pytest
import torch
from torch import nn

import geomdl
from geomdl import Audit, Field, Grid, Vector, audit
from geomdl.auditing import ElementRow, analytic_inputs, contact_sheet
from geomdl.auditing.plots import MAX_BARS, decade
from geomdl.fields import positions
from tests.auditing import networks
from tests.auditing.networks import C4Net, image, images, invariant, seeded

PNG = b"\x89PNG"


def test_decades() -> None:
    assert decade(1e-3) == pytest.approx(-3)
    assert decade(0.0) == -17
    assert decade(1e-300) == -17
    assert decade(math.nan) == decade(math.inf) == 2


def test_clock_of_turns_and_layers(tmp_path: Path) -> None:
    found = audit(seeded(networks.PlainCNN()), images(2, 1, 9, 9), source=image(),
                  target=invariant(channels=10), per_layer=True)  # fmt: skip
    path = tmp_path / "clock.png"
    figure = found.plot(path)
    assert path.read_bytes()[:4] == PNG
    clock, layers = figure.axes
    assert clock.name == "polar"
    assert next(t.get_text() for t in layers.get_yticklabels()) == "conv1 Conv2d"
    assert "fails, error" in figure.get_suptitle()
    angles = sorted(round(math.degrees(a)) for c in clock.collections for a, _ in c.get_offsets())
    assert angles == [-90, -90, 0, 90, 90, 180, 180]


def test_clock_of_space_is_half_a_turn() -> None:
    O3 = geomdl.group("O3")
    v = Field(Vector(), O3.standard)
    figure = audit(lambda x: x, images(3, 3), source=v, target=v, samples=4).plot()
    assert figure.axes[0].get_thetamax() == 180


def test_bars_where_nothing_turns() -> None:
    S5 = geomdl.group("S5")
    v = Field(Vector(), S5.standard)
    found = audit(torch.sin, images(3, 5), source=v, target=v, samples=2 * MAX_BARS)
    axes = found.plot().axes[0]
    assert axes.name == "rectilinear"
    assert len(axes.get_yticklabels()) == MAX_BARS
    assert axes.get_title() == f"the worst {MAX_BARS} of {len(found.per_element)} elements"


def test_failures_without_numbers_are_drawn() -> None:
    rows = tuple(ElementRow(str(e), "sample", 0, e, {}, angle=a, det=1, dimension=2)
                 for a, e in ((0.0, math.nan), (1.0, 0.0)))  # fmt: skip
    found = Audit("f", "SO2", "float64", math.nan, rows, reason="NaN")
    assert "fails, error nan" in found.plot().get_suptitle()


def test_plotting_needs_no_display_and_leaves_pyplot_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    monkeypatch.delenv("DISPLAY", raising=False)
    backend = (
        mpl.rcParams._get_backend_or_none()
        if hasattr(mpl.rcParams, "_get_backend_or_none")
        else None
    )
    audit(seeded(C4Net()), images(2, 1, 9, 9)).plot()
    if backend is None and hasattr(mpl.rcParams, "_get_backend_or_none"):
        assert mpl.rcParams._get_backend_or_none() is None


@pytest.mark.parametrize("name", ["C4", "D4", "D40", "SO2", "O2", "C16"])
def test_contact_sheet_of_images(name: str, tmp_path: Path) -> None:
    G = geomdl.group(name)
    field = image(G)
    x = analytic_inputs(field, (15, 15), batch=1)
    path = tmp_path / "sheet.png"
    figure = contact_sheet(nn.Conv2d(1, 2, 3, padding=1), x, source=field,
                           target=Field(Grid(2), 2 * G.trivial), path=path)  # fmt: skip
    assert path.read_bytes()[:4] == PNG
    columns = 4 if name == "C4" else 8
    assert len(figure.axes) == 4 * columns
    assert figure.axes[0].get_title() == "1" or name == "D40"
    assert [figure.axes[i * columns].get_ylabel().split(" ×")[0] for i in range(4)] == [
        "g x", "f(g x)", "g f(x)", "difference",
    ]  # fmt: skip


def test_contact_sheet_of_an_exact_network_is_blank_below() -> None:
    net = seeded(C4Net())
    figure = contact_sheet(net, images(2, 1, 9, 9))
    assert figure.axes[3 * 4].get_ylabel() == "difference"
    assert figure.axes[3 * 4].get_xlabel() == "max 0"
    assert all(float(a.get_xlabel().split()[1]) < 1e-12 for a in figure.axes[12:])


def test_contact_sheet_of_points_volumes_and_lines() -> None:
    SO3, Oh, Z = geomdl.group("SO3"), geomdl.group("Oh"), geomdl.group("Z8")
    points = contact_sheet(
        lambda x: 2 * x, images(5, 3), source=positions(SO3), target=positions(SO3)
    )
    assert len(points.axes[0].collections) == 1
    volume = contact_sheet(
        torch.tanh, images(1, 1, 5, 5, 5), source=image(Oh, d=3), target=image(Oh, d=3)
    )
    assert len(volume.axes[0].images) == 1
    line = Field(Grid(1, periodic=True), Z.trivial)
    lines = contact_sheet(torch.tanh, images(1, 1, 8), source=line, target=line)
    assert len(lines.axes[0].lines) == 2


def test_contact_sheet_with_nothing_to_draw() -> None:
    C4 = geomdl.group("C4")
    label = Field(Vector(), C4.trivial, shape=())
    with pytest.raises(
        ValueError, match=r"^contact_sheet: expected a floating tensor with a Field"
    ):
        contact_sheet(
            lambda x: x.sum((1, 2, 3)).long(), images(2, 1, 5, 5), source=image(C4), target=label
        )
