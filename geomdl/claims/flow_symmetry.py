"""What symmetry does to descent: quantities that are conserved, weights that stay shared."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.claims.sparsity import least_potential
from geomdl.groups import Group, group, intertwiners

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "implicit regularisation"


class _Symmetric(nn.Module):
    """A network with three symmetries of its weights: scale, rescaling and translation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8, bias=False)
        self.second, self.third = nn.Linear(8, 10, bias=False), nn.Linear(10, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(self.first(x), (8,), eps=0.0)
        scores: Tensor = self.third(self.second(x).relu())
        return scores.log_softmax(-1)

    def charges(self) -> Tensor:
        """Norm of the first layer; per unit, difference of squares; per unit, sum of logits."""
        a, b, c = (w.detach() for w in self.parameters())
        return torch.cat([a.square().sum()[None], _units(b, c), c.sum(0)])


def _units(b: Tensor, c: Tensor) -> Tensor:
    return b.square().sum(1) - c.square().sum(0)


@claim(
    "conserved-quantities",
    statement="Each symmetry of the weights has a quantity that gradient flow conserves; gradient"
    " descent with weight decay changes it by an amount that is known exactly, step by step.",
    formula=r"\langle \nabla L, \xi(w) \rangle = 0: \quad |w|^2_{k+1} = (1 - \eta\lambda)^2"
    r" |w|^2_k + \eta^2 |\nabla L|^2,\quad \langle 1, w \rangle_{k+1} = (1 - \eta\lambda)"
    r" \langle 1, w \rangle_k",
    source="Kunin et al. 2021, arXiv:2012.04728; Du, Hu and Lee 2018, arXiv:1806.00900",
    topic=TOPIC,
    sabotage="the steps have momentum",
)
def conserved_quantities(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Layer norm (scale), ReLU (rescaling), softmax (translation); 100 steps of SGD."""
    eta, decay, steps = 0.1, 0.02, 100
    net = _Symmetric().double()
    for w in net.parameters():
        w.data = torch.randn(w.shape, generator=rng, dtype=torch.float64) / w.shape[1] ** 0.5
    x = torch.randn(20, 6, generator=rng, dtype=torch.float64)
    y = torch.randint(0, 4, (20,), generator=rng)
    sgd = torch.optim.SGD(
        net.parameters(), lr=eta, weight_decay=decay, momentum=0.5 if sabotage else 0.0
    )
    charge = net.charges()
    predicted, measured = [charge], [charge]
    for _ in range(steps):
        sgd.zero_grad()
        F.nll_loss(net(x), y).backward()
        a, b, c = (w.grad for w in net.parameters() if w.grad is not None)
        squares = torch.cat([a.square().sum()[None], _units(b, c), torch.zeros_like(c[0])])
        shrink = torch.full_like(charge, (1 - eta * decay) ** 2)
        shrink[11:] = 1 - eta * decay  # of what is linear in the weights
        charge = shrink * charge + eta**2 * squares
        sgd.step()
        predicted.append(charge)
        measured.append(net.charges())
    p, m = torch.stack(predicted), torch.stack(measured)
    return Evidence(
        p[-1], m[-1], 1e-11, "rounding: 100 steps of numbers of order 10",
        labels=("scale", *(f"rescaling {i + 1}" for i in range(10)),
                *(f"translation {i + 1}" for i in range(10))),
        figure=_charges(p, m),
    )  # fmt: skip


@claim(
    "shared-or-augmented",
    statement="From the same equivariant weights a network without constraints that descends on all"
    " transformed data takes the very steps of the equivariant network on the data as they are.",
    formula=r"W_k = \sum_i c_{k,i} Q_i \;\forall k,\quad Q_i\;\mathrm{orthonormal\;in}\;"
    r"\mathrm{Hom}_G",
    source="Nordenfors, Ohlsson and Flinth 2024, arXiv:2303.13458; Chen and Zhu 2023,"
    " arXiv:2303.04198, for linear networks",
    topic=TOPIC,
    sabotage="the basis of the equivariant maps is orthogonal, but not normalised",
)
def shared_or_augmented(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Four points of the plane to an invariant, through 16 units, under D4; 40 steps."""
    G, eta, steps = group("D4"), 0.1, 40
    inner, outer = 4 * G.standard, 2 * G.regular
    bases = [intertwiners(inner, outer), intertwiners(outer, G.trivial)]
    if sabotage:
        bases = [q * (1 + torch.arange(len(q), dtype=q.dtype) % 2)[:, None, None] for q in bases]
    c = [torch.randn(len(q), generator=rng, dtype=torch.float64) / 2 for q in bases]
    w = [torch.tensordot(v, q, 1) for v, q in zip(c, bases, strict=True)]
    x = torch.randn(6, inner.dim, generator=rng, dtype=torch.float64)
    y = torch.randn(6, 1, generator=rng, dtype=torch.float64)
    orbit = torch.einsum("gij,nj->gni", inner(G.elements), x)

    def loss(data: Tensor, *w: Tensor) -> Tensor:
        return (torch.relu(data @ w[0].T) @ w[1].T - y).square().mean()

    gaps = []
    for _ in range(steps):
        c = [v.detach().requires_grad_() for v in c]
        w = [v.detach().requires_grad_() for v in w]
        shared = [torch.tensordot(v, q, 1) for v, q in zip(c, bases, strict=True)]
        by_sharing = torch.autograd.grad(loss(x, *shared), c)
        by_orbit = torch.autograd.grad(loss(orbit, *w), w)
        c = [v - eta * g for v, g in zip(c, by_sharing, strict=True)]
        w = [v - eta * g for v, g in zip(w, by_orbit, strict=True)]
        gaps.append(max(float((torch.tensordot(a, q, 1) - b).norm().detach())
                        for a, q, b in zip(c, bases, w, strict=True)))  # fmt: skip
    return Evidence(
        [0.0] * steps, gaps, 1e-11, "rounding: 40 steps of sums of 100 numbers of order 1",
        figure=figures.curve(range(1, steps + 1), [0.0] * steps, gaps,
                             labels=("step", "distance of the weights")),
    )  # fmt: skip


def class_basis(G: Group) -> tuple[Tensor, Tensor]:
    """Orthonormal class functions χ_ρ/√|G| of a finite group whose irreps are all real.

    Args:
        G: the group.

    Returns:
        The functions, shape (irreps, |G|), and the factors √|G|/d_ρ by which convolution
        multiplies their coefficients. *Exact*.

    Example:
        >>> basis, factors = class_basis(group("S3"))
        >>> basis.shape, bool(((basis @ basis.T) - torch.eye(3)).abs().max() < 1e-12)
        (torch.Size([3, 6]), True)
    """
    irreps = list(G.irreps())
    characters = torch.stack([r(G.elements).diagonal(dim1=-2, dim2=-1).sum(-1) for r in irreps])
    dims = torch.tensor([float(r.dim) for r in irreps], dtype=torch.float64)
    return characters.double() / len(G.elements) ** 0.5, len(G.elements) ** 0.5 / dims


@claim(
    "group-convolution-potential",
    statement="A linear network of two full-width group convolutions, trained on class functions,"
    " interpolates with the least of a potential of the Fourier coefficients: from a small start,"
    " sparse in the irreps.",
    formula=r"\hat\beta = \mathrm{argmin} \sum_\rho q(\frac{d_\rho \hat\beta_\rho}"
    r"{\sqrt{|G|}\,\alpha^2}) \to \mathrm{argmin} \sum_\rho d_\rho |\hat\beta_\rho|"
    r" \;(\alpha \to 0)",
    source="elementary in this form; Gunasekar et al. 2018, arXiv:1806.00468; Lawrence et al."
    " 2022, arXiv:2110.06084; Woodworth et al. 2020, arXiv:2002.09277",
    topic=TOPIC,
    sabotage="the first filter does not start as a class function",
)
def group_convolution_potential(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Filters on D8 and S4, two signals to fit. The network knows nothing of Fourier.

    On class functions χ_ρ * χ_σ = δ_ρσ (|G|/d_ρ) χ_ρ: coefficients a, b of the filters give
    √|G|/d_ρ a_ρ b_ρ = √|G|/d_ρ (u² - v²) with u, v = (a ± b)/2, weights as in the claim
    hyperbolic-potential.
    """
    predicted, measured, labels = [], [], []
    for name in ("D8", "S4"):
        G = group(name)
        basis, factors = class_basis(G)
        x = torch.randn(2, len(basis), generator=rng, dtype=torch.float64)
        y = torch.randn(2, generator=rng, dtype=torch.float64)
        for alpha in (0.1, 0.3, 1.0):
            first = 2 * alpha * basis.sum(0)
            if sabotage:
                first = first[torch.randperm(len(first), generator=rng)]
            beta = _two_convolutions(G, x @ basis, y, first)
            predicted.append(factors * least_potential(x * factors, y, alpha))
            measured.append(basis @ beta)
            labels += [f"{name}, α = {alpha:g}, irrep {i + 1}" for i in range(len(basis))]
    return Evidence(
        torch.cat(predicted), torch.cat(measured), 1e-6,
        "relative errors of 10⁻¹⁰ of the integrator, over 1000 units of time",
        labels=tuple(labels),
        figure=_spectra(predicted[:3], measured[:3]),
    )  # fmt: skip


def _two_convolutions(G: Group, x: Tensor, y: Tensor, first: Tensor) -> Tensor:
    """Limit of gradient flow on ½‖X(w₂ * w₁) - y‖²/2 from w₁ = first and w₂ = 0, shape (|G|,)."""
    from scipy.integrate import solve_ivp

    shift = G.regular(G.elements).double().numpy()  # shift[g] e_h = e_gh
    order, data, values = len(shift), x.numpy(), y.numpy()

    def velocity(t: float, w: np.ndarray) -> np.ndarray:
        left = np.tensordot(w[order:], shift, 1)  # convolution with w₂
        slope = data.T @ (data @ (left @ w[:order]) - values)
        return -np.concatenate([left.T @ slope, shift @ w[:order] @ slope])

    start = np.concatenate([first.numpy(), np.zeros(order)])
    w = solve_ivp(velocity, (0, 1e3), start, "LSODA", rtol=1e-10, atol=1e-13).y[:, -1]
    beta = np.tensordot(w[order:], shift, 1) @ w[:order]
    if not np.linalg.norm(data @ beta - values) <= 1e-7:
        beta = beta + np.nan
    return torch.from_numpy(beta)


def _charges(predicted: Tensor, measured: Tensor) -> "Draw":
    def paint(axes: "Axes") -> None:
        steps = np.arange(len(predicted))
        for i, name in ((0, "scale"), (1, "rescaling"), (11, "translation")):
            axes.plot(steps, predicted[:, i], color=figures.PREDICTED, lw=2)
            axes.plot(steps[::5], measured[::5, i], "os^"[(i > 0) + (i > 1)], ms=4,
                      color=figures.MEASURED, label=name)  # fmt: skip
        axes.set_xlabel("step")
        axes.set_ylabel("charge; lines: predicted")
        axes.legend()

    return paint


def _spectra(predicted: list[Tensor], measured: list[Tensor]) -> "Draw":
    def paint(axes: "Axes") -> None:
        for i, (p, m, name) in enumerate(
            zip(predicted, measured, ("0.1", "0.3", "1"), strict=True)
        ):
            at = np.arange(len(p)) + 0.28 * i
            axes.bar(
                at, p.numpy(), 0.26, color=figures.PREDICTED, alpha=1 - 0.3 * i, label=f"α = {name}"
            )
            axes.plot(at, m, "o", color=figures.MEASURED, ms=4)
        axes.set_xlabel("irrep of D8")
        axes.set_ylabel("Fourier coefficient; dots: measured")
        axes.legend()

    return paint
