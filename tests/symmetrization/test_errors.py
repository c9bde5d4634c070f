"""One line that names the argument, what was expected and what came."""

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl.fields import Field, Nodes, Vector
from geomdl.symmetrization import symmetrize
from tests.symmetrization.networks import (
    D4,
    E3,
    IMAGE,
    O3,
    cnn,
    dense,
    members,
    points,
    randn,
    vectors,
)

TEN = Field(Vector(), 10 * D4.trivial)


def wrap(f=None, group=D4, mode="average", source=IMAGE, target=TEN, **options):
    return symmetrize(f or cnn(5, 10), group, mode, source=source, target=target, **options)


S9, S12, SO4, LORENTZ = (geomdl.group(name) for name in ("S9", "S12", "SO(4)", "SO(1,3)"))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: wrap(torch.relu), TypeError, "f: expected an nn.Module, got builtin"),
        (lambda: wrap(group=4), TypeError, "group: expected a Group or its name, got int"),
        (lambda: wrap(mode="mean"), ValueError, "mode: expected average, frames, canonical, sampl"),
        (lambda: wrap(source=None), ValueError, "source: expected a Field of D4, got None"),
        (lambda: wrap(group="C4"), ValueError, "source: expected a Field of C4, got one of D4"),
        (lambda: wrap(target=vectors(O3, 1)), ValueError, "target: expected a Field of D4, got o"),
        (lambda: wrap(chunk=0), ValueError, "chunk: expected an integer of at least 1, got 0"),
        (lambda: wrap(mode="frames"), ValueError, r"group: expected O\(d\), SO\(d\), E\(d\)"),
        (
            lambda: wrap(group=S9, source=members(S9, 1), target=members(S9, 1)),
            ValueError,
            "group: expected at most 50000 elements to average over, got 362880 of S9; use mode=",
        ),
        (
            lambda: wrap(group=O3, source=vectors(O3, 1), target=vectors(O3, 1)),
            ValueError,
            "degree: expected that of the quadrature on O3, got None",
        ),
        (
            lambda: wrap(group=SO4, source=vectors(SO4, 1), target=vectors(SO4, 1), degree=2),
            ValueError,
            r"group: expected a finite group, SO2, O2, SO3, O3 or a product, got SO4",
        ),
        *(
            (
                lambda mode=mode: wrap(
                    group=LORENTZ, mode=mode, target=Field(Vector(), LORENTZ.standard),
                    source=Field(Vector(), LORENTZ.standard),
                ),
                ValueError,
                "group: expected .*; no mode takes a group that is not compact",
            )
            for mode in ("average", "frames", "canonical", "sample")
        ),
        (
            lambda: wrap(
                group=S9 * E3, mode="frames", source=points(S9 * E3), target=points(S9 * E3)
            ),
            ValueError,
            "group: expected .*; take one factor of it after the other$",
        ),
        (
            lambda: wrap(group=E3, source=vectors(E3, 1), target=vectors(E3, 1), degree=2),
            ValueError,
            "source: expected positions, which E3 moves, got Field",
        ),
        (
            lambda: wrap(
                group=S12, mode="frames", target=members(S12, 1),
                source=Field(Vector(), S12.standard @ S12.standard),
            ),
            ValueError,
            "source: expected numbers of the members of a set, which the group permutes, got Field",
        ),
        (
            lambda: wrap(
                group=O3, mode="frames", source=vectors(O3, 2), target=vectors(O3, 2), by="pos"
            ),
            ValueError,
            "by: expected None where inputs have no names, got 'pos'",
        ),
        (
            lambda: wrap(mode="canonical", canonicalizer=torch.relu),
            TypeError,
            "canonicalizer: expected an nn.Module, got builtin",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_built(call, error, message: str) -> None:
    with pytest.raises(error, match=f"^{message}") as caught:
        call()
    assert "\n" not in str(caught.value)


class Growing(nn.Module):
    """As many numbers as the first pixel says."""

    def forward(self, x: Tensor) -> Tensor:
        n = 2 + int(x[0, 0, 0, 0] > 0)
        return x.flatten(1)[:, :1].expand(-1, n)


class Rank(nn.Module):
    """A number of a pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).argmax(-1, keepdim=True)


class Named(nn.Module):
    """The first of two outputs."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"a": x.flatten(1)[:, :1]}


class Inside(nn.Module):
    """The first of two outputs, one level down."""

    def forward(self, x: Tensor) -> dict[str, dict[str, Tensor]]:
        return {"c": {"a": x.flatten(1)[:, :1]}}


def scalars(group: geomdl.Group, n: int) -> Field:
    return Field(Vector(), n * group.trivial)


@pytest.mark.parametrize(
    ("model", "x", "error", "message"),
    [
        (
            lambda: wrap(Growing(), target=Field(Nodes(), D4.trivial, shape=()), chunk=1),
            torch.tensor([[1.0, -1.0], [-1.0, -1.0]]).expand(1, 2, 2, 2),
            ValueError,
            r"f: expected outputs whose shape does not depend on the element, got \(1, 3\) and",
        ),
        (
            lambda: wrap(nn.Flatten(0), target=Field(Vector(), D4.trivial, shape=())),
            torch.zeros(3, 2, 4, 4),
            ValueError,
            r"f: expected an output of 24 samples, got shape \(768,\); chunk=1",
        ),
        (lambda: wrap(), torch.zeros(3, 2, 4), ValueError, r"x: expected axes \(batch, 2, size"),
        (lambda: wrap(), "image", TypeError, "x: expected a Tensor, got str"),
        (lambda: wrap(target=scalars(D4, 4)), randn(3, 2, 5, 5), ValueError, "y: last axis should"),
        (
            lambda: wrap(Rank(), target=scalars(D4, 1)),
            randn(3, 2, 5, 5),
            TypeError,
            "f: expected outputs of floating point to average, got torch.int64",
        ),
        (
            lambda: wrap(Named(), target={"a": scalars(D4, 1), "b": scalars(D4, 1)}),
            randn(3, 2, 5, 5),
            ValueError,
            "y: expected the outputs a, b, got a$",
        ),
        (
            lambda: wrap(Inside(), target={"c": {"a": scalars(D4, 1), "b": scalars(D4, 1)}}),
            randn(3, 2, 5, 5),
            ValueError,
            r"y\['c'\]: expected the outputs a, b, got a$",
        ),
        (
            lambda: wrap(mode="canonical"),
            randn(3, 2, 4, 6),
            ValueError,
            r"x: a batch of .* needs equal sides, got \(4, 6\); pad the images to a square, or",
        ),
        (
            lambda: wrap(
                dense(6, 3), O3, "frames", vectors(O3, 159), vectors(O3, 159), weighted=True
            ),
            randn(2, 477),
            ValueError,
            "x: expected at most 50000 weighted frames, got 50562 of 159 points; read them from",
        ),
        (
            lambda: wrap(mode="canonical", canonicalizer=cnn(5, 7)),
            randn(3, 2, 5, 5),
            ValueError,
            r"canonicalizer: expected scores \(batch, 8\), got \(3, 7\)",
        ),
        (
            lambda: wrap(
                dense(6, 3), O3, "canonical", vectors(O3, 2), vectors(O3, 1),
                canonicalizer=dense(6, 3),
            ),
            randn(2, 6),
            ValueError,
            r"canonicalizer: expected vectors \(batch, 3, 3\), got \(2, 3\)",
        ),
        (
            lambda: wrap(dense(6, 3), O3, "frames", vectors(O3, 2), vectors(O3, 1)),
            randn(2, 2, 6),
            ValueError,
            "x: expected at most one batch axis, got 2",
        ),
        (
            lambda: wrap(nn.Identity(), O3, "frames", points(O3), points(O3), weighted=True),
            torch.zeros(2, 0, 3),
            ValueError,
            "x: expected at least one point, got none",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_run(model, x, error, message: str) -> None:
    with pytest.raises(error, match=f"^{message}") as caught:
        model()(x)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "options"), [("frames", {}), ("frames", {"weighted": True}), ("canonical", {})]
)
def test_nan_goes_through_and_stays_within_its_sample(mode: str, options: dict) -> None:
    model = wrap(dense(6, 3), O3, mode, vectors(O3, 2), vectors(O3, 1), **options)
    x = randn(2, 6)
    clean = model(x)
    x[0, 0] = torch.nan
    y = model(x)
    assert y[0].isnan().any()
    torch.testing.assert_close(y[1], clean[1])
