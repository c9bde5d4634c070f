"""What equivariant layers reach: all polynomials of a degree or few, and never against Curie."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.figures import MEASURED, OTHER, PREDICTED
from geomdl.claims.registry import claim
from geomdl.expressivity import completeness, curie, equivariant_dimensions
from geomdl.fields import Field, Vector
from geomdl.groups import Rep, group
from geomdl.linear import EMLP

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "equivariant approximation"


def emlp(source: Rep, target: Rep, products: int, rng: torch.Generator) -> EMLP:
    """A small equivariant perceptron of two layers, with numbers, vectors and matrices within.

    Args:
        source: of the input.
        target: of the output.
        products: channels of its bilinear layers; 0 for gates alone.
        rng: for the weights.

    Returns:
        The network.

    Example:
        >>> V = group("O3").standard
        >>> emlp(V, V, 0, torch.Generator().manual_seed(0)).target.rep == V
        True
    """
    V = source.group.standard
    hidden = 3 * V.group.trivial + V + V @ V
    return EMLP(source, target, channels=hidden, layers=2, products=products, rng=rng)


def _bars(degrees: list[str], predicted: list[float], measured: list[float]) -> "Draw":
    def paint(axes: "Axes") -> None:
        places = range(len(degrees))
        axes.barh(places, predicted, color="none", edgecolor=PREDICTED, lw=2, label="predicted")
        axes.barh(places, measured, height=0.5, color=MEASURED, label="reached")
        axes.set_yticks(list(places), degrees, fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("independent equivariants")
        axes.axvline(0, color=OTHER, lw=0.8)
        axes.legend()

    return paint


@claim(
    "products-are-complete",
    statement="Linear, bilinear and gated layers reach every equivariant polynomial of low degree:"
    " the Taylor components of random networks span as many as the characters count.",
    formula=r"\dim\, \mathrm{span}\{f^{(k)}\} = \dim\, \mathrm{Hom}_G(\mathrm{Sym}^k V, W)"
    r" = \frac{1}{|G|} \sum_g \chi_W(g)\, \chi_{\mathrm{Sym}^k V}(g)",
    source="Dym and Maron 2021, arXiv:2010.02449; Molien 1897 for the count",
    topic=TOPIC,
    sabotage="the layers have gates and no products",
)
def products_are_complete(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Ranks of coefficients, for O(3) on two vectors and for D4 on a vector and a number."""
    V, D4 = group("O3").standard, group("D4")
    cases: list[tuple[str, Rep, Rep, int]] = [
        ("O3: 2 vectors → number", 2 * V, V.group.trivial, 2),
        ("O3: 2 vectors → vector", 2 * V, V, 1),
        ("O3: vector, number → vector", V.group.trivial + V, V, 3),
        ("D4: vector → number", D4.standard, D4.trivial, 4),
        ("D4: vector → vector", D4.standard, D4.standard, 3),
    ]
    predicted, measured, labels = [], [], []
    for name, source, target, degree in cases:
        products = 0 if sabotage else 128

        def factory(
            rng: torch.Generator, s: Rep = source, t: Rep = target, p: int = products
        ) -> EMLP:
            return emlp(s, t, p, rng)

        dimension = equivariant_dimensions(source, target, degree)[degree]
        found = completeness(factory, degree, networks=dimension + 2, rng=rng)
        predicted.append(float(dimension))
        measured.append(float(found.reached))
        labels.append(f"{name}, degree {degree}")
    return Evidence(
        predicted, measured, tolerance=0, because="a rank", labels=tuple(labels),
        figure=_bars([label.replace(", d", "\nd") for label in labels], predicted, measured),
    )  # fmt: skip


@claim(
    "gates-are-incomplete",
    statement="Linear layers and gates alone reach one equivariant of each degree from a number and"
    " a vector, where there are more from degree three on: lengths of vectors are out of reach.",
    formula=r"s^{k-1} v \quad \mathrm{of} \quad s^{k-1-2j} |v|^{2j} v, \; 0 \leq j \leq (k-1)/2",
    source="elementary: a gate is a function of invariants, and a linear layer makes none",
    topic=TOPIC,
    sabotage="the layers have products",
)
def gates_are_incomplete(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Dimensions of the span, of what is missing, and of everything."""
    V = group("O3").standard
    source = V.group.trivial + V
    predicted, measured, labels = [], [], []
    for degree in (1, 2, 3):

        def factory(rng: torch.Generator) -> EMLP:
            return emlp(source, V, 48 if sabotage else 0, rng)

        found = completeness(factory, degree, rng=rng)
        everything = (degree + 1) // 2
        predicted += [1.0, float(everything)]
        measured += [float(found.reached), float(found.dimension)]
        labels += [f"degree {degree}, reached", f"degree {degree}, all"]
    return Evidence(predicted, measured, tolerance=0, because="a rank", labels=tuple(labels))


@claim(
    "curie",
    statement="An answer that the symmetry of the input does not leave alone is out of reach: the"
    " best combination of equivariant networks misses it by its distance from the fixed subspace.",
    formula=r"\min_{f\; \mathrm{equivariant}} \|f(x) - y\| = \|y - P_{H} y\|, \quad"
    r" H = \{h : h x = x\}",
    source="P. Curie 1894; Smidt, Geiger and Miller 2021, arXiv:2007.02005",
    topic=TOPIC,
    sabotage="the input is moved a little, and has no symmetry left",
)
def curie_distance(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Least squares over the outputs of random networks for one input, and its stabilizer."""
    D4, Oh = group("D4"), group("Oh")
    cases: list[tuple[str, Rep, Rep, list[float]]] = [
        ("D4, arrow along x → arrow", D4.standard, D4.standard, [1.0, 0.0]),
        ("D4, arrow along a diagonal → arrow", D4.standard, D4.standard, [0.8, 0.8]),
        ("Oh, two parallel arrows → arrow", 2 * Oh.standard, Oh.standard, [0, 0, 1, 0, 0, 0.5]),
        ("Oh, arrow along an axis → matrix", Oh.standard, Oh.standard.sym(2), [0, 0, 1.0]),
    ]
    predicted, measured, labels = [], [], []
    for name, source, target, values in cases:
        x = torch.tensor([values], dtype=torch.float64)
        field = Field(Vector(), source)
        found = curie(field, x, target)
        y = torch.randn(target.dim, generator=rng, dtype=torch.float64)
        y = y / y.norm()
        if sabotage:
            x = x + 0.3 * torch.randn(x.shape, generator=rng, dtype=torch.float64)
        outputs = _outputs(source, target, x, 2 * target.dim + 2, rng)
        best = torch.linalg.lstsq(outputs.T, y.unsqueeze(1), driver="gelsd").solution
        measured.append(float((outputs.T @ best - y.unsqueeze(1)).norm()))
        predicted.append(float(found.distance(y)))
        labels.append(f"{name}: {len(found.fixed)} of {target.dim}")
    return Evidence(
        predicted, measured, tolerance=1e-7,
        because="rounding of outputs of size one, over the spread of those in reach",
        labels=tuple(labels),
    )  # fmt: skip


def _outputs(source: Rep, target: Rep, x: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Of random networks for one input, each of length one, shape (count, target.dim)."""
    rows = []
    for _ in range(count):
        model = emlp(source, target, 48, rng).double()
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=rng, dtype=torch.float64)
                parameter.add_(0.5 * noise)
            y = model(x)[0]
        rows.append(y / y.norm().clamp(min=1e-12))
    return torch.stack(rows)
