"""Functions with a matrix group as their symmetry: what the networks learn."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from geomdl.groups import Rep, group

Draw = Callable[[int, torch.Generator], Tensor]


@dataclass(frozen=True)
class Problem:
    """A function y = f(x) that commutes with a group, and the law of x.

    Attributes:
        title: what it is.
        source: representation of x.
        target: representation of y.
        draw: n samples of x, of size about one.
        function: f, on batches.
        hamiltonian: whether y is the Hamiltonian vector field of an invariant function, which is
            what is then learnt.
        steps: of training.
    """

    title: str
    source: Rep
    target: Rep
    draw: Draw
    function: Callable[[Tensor], Tensor]
    hamiltonian: bool = False
    steps: int = 1000

    def samples(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs and answers, float32, computed in float64."""
        x = self.draw(n, rng)
        return x.float(), self.function(x).float()


def normal(dim: int) -> Draw:
    """Standard normal numbers."""
    return lambda n, rng: torch.randn(n, dim, generator=rng, dtype=torch.float64)


def invariant_of_two(x: Tensor) -> Tensor:
    """Of a and b in any dimension: sin |a| − |b|³ / 2 + ⟨a, b⟩ / (|a| |b|), (n, 1).

    Source: Finzi, Welling & Wilson 2021, arXiv:2104.09459.
    """
    a, b = x.chunk(2, -1)
    p, q = a.norm(dim=-1), b.norm(dim=-1)
    value: Tensor = p.sin() - q**3 / 2 + (a * b).sum(-1) / (p * q)
    return value.unsqueeze(-1)


def inertia(x: Tensor) -> Tensor:
    """Σ m (|r|² 1 − r rᵀ), shape (n, 9), of point masses: all m first, then all r.

    Source: ibidem.
    """
    m, r = x[:, : x.shape[1] // 4], x[:, x.shape[1] // 4 :].unflatten(1, (-1, 3))
    square = (m * r.square().sum(-1)).sum(1)
    one = torch.eye(3, dtype=x.dtype)
    outer: Tensor = torch.einsum("nk,nki,nkj->nij", m, r, r)
    value: Tensor = square[:, None, None] * one - outer
    return value.flatten(1)


def masses_and_positions(n: int, rng: torch.Generator) -> Tensor:
    """Five positive masses, ln(1 + eᶻ), and five positions."""
    x = normal(20)(n, rng)
    return torch.cat([nn.functional.softplus(x[:, :5]), x[:, 5:]], 1)


def scattering(x: Tensor) -> Tensor:
    """|M|² of e⁻ μ⁻ → e⁻ μ⁻ up to constants, shape (n, 1): 4 Lᵘᵛ(p, p̃) L_uv(q, q̃).

    Lᵘᵛ(p, p̃) = pᵘ p̃ᵛ + pᵛ p̃ᵘ − (⟨p, p̃⟩ − ⟨p, p⟩) ηᵘᵛ, with momenta x = (p, q, p̃, q̃) of electron and
    muon before and after, off the mass shell.

    Source: ibidem; Peskin & Schroeder, An Introduction to Quantum Field Theory, section 5.1.
    """
    p, q, p_, q_ = x.unflatten(1, (4, 4)).unbind(1)
    eta = torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=x.dtype))

    def product(a: Tensor, b: Tensor) -> Tensor:
        return torch.einsum("ni,ij,nj->n", a, eta, b)

    def lepton(a: Tensor, b: Tensor) -> Tensor:
        outer = a.unsqueeze(2) * b.unsqueeze(1)
        return outer + outer.mT - (product(a, b) - product(a, a))[:, None, None] * eta

    lowered = eta @ lepton(q, q_) @ eta
    return 4 * (lepton(p, p_) * lowered).sum((1, 2)).unsqueeze(-1)


def pendulum_energy(z: Tensor) -> Tensor:
    """Energy, shape (n,), of two masses on springs, one below the other, under gravity.

    H = |p₁|²/2 + |p₂|²/2 + (|x₁| − 1)²/2 + (|x₁ − x₂| − 1)²/2 + z₁ + z₂, z = (x₁, x₂, p₁, p₂)

    Source: ibidem.
    """
    a, b, p, q = z.unflatten(-1, (4, 3)).unbind(-2)
    springs = (a.norm(dim=-1) - 1).square() + ((a - b).norm(dim=-1) - 1).square()
    kinetic = p.square().sum(-1) + q.square().sum(-1)
    energy: Tensor = (springs + kinetic) / 2 + a[..., 2] + b[..., 2]
    return energy


def flow(gradient: Tensor) -> Tensor:
    """Hamiltonian vector field (∂H/∂p, −∂H/∂x) of a gradient (∂H/∂x, ∂H/∂p)."""
    x, p = gradient.chunk(2, -1)
    return torch.cat([p, -x], -1)


def pendulum(z: Tensor) -> Tensor:
    """Velocities and forces, shape (n, 12)."""
    z = z.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(pendulum_energy(z).sum(), z)
    return flow(gradient)


def hanging(n: int, rng: torch.Generator) -> Tensor:
    """Masses about their rest, 1.5 and 3 lengths below the support, with momenta."""
    z = normal(12)(n, rng) / 2
    z[:, 2] -= 1.5
    z[:, 5] -= 3.0
    return z


def problems() -> dict[str, Problem]:
    """The four, by name."""
    o2, o3, o5, lorentz = (group(name) for name in ("O2", "O3", "O5", "O(1,3)"))
    space = o2.standard + o2.trivial  # the axis of gravity stays
    return {
        "invariant": Problem(
            "O(5)-invariant function", 2 * o5.standard, o5.trivial, normal(10), invariant_of_two
        ),
        "inertia": Problem(
            "inertia of five masses, O(3)",
            5 * o3.trivial + 5 * o3.standard,
            o3.standard @ o3.standard,
            masses_and_positions,
            inertia,
        ),
        "scattering": Problem(
            "scattering of e and μ, O(1,3)", 4 * lorentz.standard, lorentz.trivial, normal(16),
            scattering,
        ),
        "pendulum": Problem(
            "double spring pendulum, O(2)", 4 * space, 4 * space, hanging, pendulum,
            hamiltonian=True,
        ),
    }  # fmt: skip


class Flow(nn.Module):
    """Hamiltonian vector field of a network's output, the network H of shape (n, 1).

    Args:
        energy: the network.

    Source: Greydanus et al. 2019, arXiv:1906.01563.
    """

    def __init__(self, energy: nn.Module) -> None:
        super().__init__()
        self.energy = energy
        field = getattr(energy, "source", None)
        self.source = self.target = field

    def forward(self, z: Tensor) -> Tensor:
        """Velocities and forces."""
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            z = z if z.requires_grad else z.detach().requires_grad_()
            total = self.energy(z).sum()
            (gradient,) = torch.autograd.grad(total, z, create_graph=keep)
        return flow(gradient)
