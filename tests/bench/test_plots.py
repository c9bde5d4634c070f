import base64
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomdl.bench import plots
from geomdl.bench.drawings.axes import spread_labels
from geomdl.bench.results import Figure
from geomdl.bench.theme import COLORS
from tests.bench.fakes import CURVES, FIGURES


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.name)
def test_svg_is_well_formed_without_fixed_colours_or_addresses(figure):
    text = plots.svg(figure, "p1")
    root = ET.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))
    assert root.get("role") == "img"
    assert figure.title in root.get("aria-label")
    assert "http" not in text
    fixed = set(re.findall(r"#[0-9a-f]{6}\b", text)) - {"#000000"}
    assert not fixed, f"colours that do not follow the reader's theme: {fixed}"
    ids = re.findall(r'id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("p1-") for name in ids)
    for target in re.findall(r'(?:url\(#|href="#)([^)"]*)', text):
        assert target in ids


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.name)
def test_png(figure, tmp_path):
    plots.save_png(figure, tmp_path / "a.png", dpi=60)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_drawing_leaves_the_users_style_alone():
    before = dict(mpl.rcParams)
    plots.svg(FIGURES[0], "p")
    assert dict(mpl.rcParams) == before


def test_the_same_data_give_the_same_svg():
    assert plots.svg(FIGURES[0], "p") == plots.svg(FIGURES[0], "p")


def test_curves_show_mean_and_band():
    axes = plots.draw(Figure("c", "curves", "", "", CURVES)).axes[0]
    means = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(means[0], [0.125, 0.925, 0.15])
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.1)
    assert band[:, 1].max() == pytest.approx(0.95)
    assert {t.get_text() for t in axes.texts} == {"chance", "CNN", "D4"}


def test_orbit_shows_wrong_answers_only_in_the_colour_of_errors():
    figure = next(f for f in FIGURES if f.kind == "orbit")
    texts = plots.draw(figure).axes[0].texts
    red = [t.get_text() for t in texts if t.get_color() == COLORS["bad"][0]]
    assert red == ["8"]


def test_orbit_images_are_where_their_columns_are():
    images = np.zeros((2, 3, 3), np.uint8)
    images[1, 0, 2] = 255
    data = {"images": base64.b64encode(images.tobytes()).decode(), "shape": [2, 3, 3],
            "columns": ["a", "b"], "truth": 1, "rows": []}  # fmt: skip
    shown = plots.draw(Figure("o", "orbit", "", "", data)).axes[0].images
    assert shown[0].get_array()[..., 3].max() == 0
    assert shown[1].get_array()[0, 2, 3] == 1
    assert shown[1].get_extent()[0] == pytest.approx(0.55)


def test_an_unknown_kind_names_the_known():
    with pytest.raises(ValueError, match="figure f: no kind 'pie'; there are bars, curves, dots"):
        plots.draw(Figure("f", "pie", "", "", {}))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8), st.floats(0.1, 10))
def test_labels_keep_their_order_and_their_distance(wishes, gap):
    placed = spread_labels(wishes, gap)
    order = sorted(range(len(wishes)), key=lambda i: wishes[i])
    for a, b in pairwise(order):
        assert placed[b] - placed[a] >= gap - 1e-9
    assert sum(placed) == pytest.approx(sum(wishes), abs=1e-6)  # moved as little as need be
    if all(b - a >= gap for a, b in pairwise(sorted(wishes))):
        assert placed == pytest.approx(wishes)


@pytest.mark.parametrize(("values", "named"), [((0.3, 0.6), True), ((0.3, 6.0), False)])
def test_an_axis_within_a_decade_has_numbers_all_the_same(values, named) -> None:
    data = {"x": [1, 2], "x_label": "x", "y_label": "y", "log": True,
            "series": [{"name": "a", "values": [list(values)]}]}  # fmt: skip
    (axes,) = plots.draw(Figure("f", "curves", "t", "c", data)).axes
    axes.figure.canvas.draw()
    between = [label.get_text() for label in axes.get_yticklabels(minor=True)]
    assert any(between) == named
    assert named or any(label.get_text() for label in axes.get_yticklabels())
