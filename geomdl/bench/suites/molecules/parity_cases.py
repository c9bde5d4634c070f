"""The same operation here and in e3nn, on the same numbers: harmonics, products, maps, gates.

e3nn computes in float64, from numbers that float32 holds too; ours in either type. So what differs
is our rounding and nothing else.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.bench.suites.molecules.peers import messages, uvu
from geomdl.euclidean import Gate, spherical, spherical_harmonics, wigner_D
from geomdl.euclidean.gate import unit_scale
from geomdl.euclidean.interaction import small_graph
from geomdl.euclidean.spherical import Parity
from geomdl.groups import group, intertwiners
from geomdl.interop import e3nn as bridge

Pair = tuple[Tensor, Tensor]
F64 = torch.float64
NODES = 20


@dataclass(frozen=True)
class Case:
    """An operation that e3nn has too.

    Attributes:
        name: of it.
        both: type -> our result in it, and e3nn's in float64, of one shape.
    """

    name: str
    both: Callable[[torch.dtype], Pair]

    def error(self, dtype: torch.dtype) -> float:
        """Greatest difference over the greatest number of e3nn's; infinite if all are zero."""
        with _float64(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            found, expected = self.both(dtype)
        found, expected = found.detach(), expected.detach()
        if found.shape != expected.shape or found.dtype != dtype:
            raise ValueError(f"{self.name}: expected {expected.shape}, got {found.shape}")
        return float((found.to(F64) - expected).abs().max() / expected.abs().max())


@contextmanager
def _float64() -> Iterator[None]:
    """e3nn keeps its coefficients in the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(F64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def draw(*shape: int) -> Tensor:
    """Normal numbers that float32 holds, float64."""
    return torch.randn(shape).float().to(F64)


def harmonics(l: int, normalize: bool) -> Case:
    """Of degree l, and their gradient."""

    def both(dtype: torch.dtype) -> Pair:
        from e3nn import o3

        x, g = draw(NODES, 3), draw(NODES, 2 * l + 1)
        ours, theirs = x.to(dtype).requires_grad_(), x.clone().requires_grad_()
        y = spherical_harmonics(ours, l, normalize)[:, l * l :]
        z = o3.spherical_harmonics(l, theirs, normalize, "component")
        if not l:
            return y, z
        slopes = torch.autograd.grad(y, ours, g.to(dtype))[0], torch.autograd.grad(z, theirs, g)[0]
        sizes = z.detach().abs().max(), slopes[1].abs().max()  # so that either counts
        found = [part / size.to(dtype) for part, size in zip((y, slopes[0]), sizes, strict=True)]
        expected = [part / size for part, size in zip((z, slopes[1]), sizes, strict=True)]
        return torch.cat(found, 1), torch.cat(expected, 1)

    kind = "of directions" if normalize else "of vectors"
    return Case(f"harmonics and gradients, l = {l}, {kind}", both)


def three_j(lmax: int) -> Case:
    """All 3j symbols of degrees up to lmax, here as intertwiners, which leaves their signs open.

    Products take theirs from e3nn, signs included.
    """

    def both(dtype: torch.dtype) -> Pair:
        from e3nn import o3

        so3, every = group("SO3"), range(lmax + 1)
        found, expected = [], []
        for a in every:
            for b in every:
                for c in range(abs(a - b), min(a + b, lmax) + 1):
                    left, right, target = (so3.irrep(l) for l in (a, b, c))
                    ours = intertwiners(left @ right, target)[0].T.flatten()
                    theirs = o3.wigner_3j(a, b, c, dtype=F64).flatten()
                    found.append((ours * (ours @ theirs).sign() / ours.norm()).to(dtype))
                    expected.append(theirs)
        return torch.cat(found), torch.cat(expected)

    return Case(f"3j symbols, l ≤ {lmax}, up to signs", both)


def wigner(l: int) -> Case:
    """Matrices of rotations."""

    def both(dtype: torch.dtype) -> Pair:
        from e3nn import o3

        angles = [6 * draw(NODES).sigmoid() for _ in range(3)]
        found = wigner_D(l, o3.angles_to_matrix(*angles)).to(dtype)
        return found, o3.wigner_D(l, *angles)

    return Case(f"Wigner matrices, l = {l}", both)


def tensor_product(connections: str, lmax: int, parity: Parity, weights: bool = True) -> Case:
    """Of two features at a point, with weights or without."""

    def both(dtype: torch.dtype) -> Pair:
        from e3nn import o3

        rep = spherical(lmax, parity)
        channels = {"uuu": (3, 3, 3), "uvu": (3, 1, 3), "uvw": (3, 2, 4)}[connections]
        irreps = [bridge.to_irreps(rep, n) for n in channels]
        if connections == "uvw":
            theirs = o3.FullyConnectedTensorProduct(*irreps)
        else:
            paths = [
                (i, j, k, connections, weights)
                for i, (_, a) in enumerate(irreps[0])
                for j, (_, b) in enumerate(irreps[1])
                for k, (_, c) in enumerate(irreps[2])
                if c in a * b
            ]
            theirs = o3.TensorProduct(*irreps, paths)
        if weights:
            theirs.weight.data.copy_(draw(theirs.weight_numel))
        x, y = (draw(NODES, rep.dim, n) for n in channels[:2])
        layer = bridge.tensor_product(theirs).to(dtype)
        expected = theirs(bridge.to_features(x, rep), bridge.to_features(y, rep))
        return bridge.to_features(layer(x.to(dtype), y.to(dtype)), rep), expected

    names = {"uvw": "uvw (fully connected)"}
    given = "" if weights else ", without weights"
    name = f"tensor product {names.get(connections, connections)}, l ≤ {lmax}, {_of(parity)}"
    return Case(f"{name}{given}", both)


def interaction(lmax: int, parity: Parity) -> Case:
    """Gather, uvu product with weights of the edges, sum."""

    def both(dtype: torch.dtype) -> Pair:
        from e3nn import o3

        graph, rep = small_graph(), spherical(lmax, parity)
        irreps = bridge.to_irreps(rep, 4)
        theirs = uvu(irreps, o3.Irreps.spherical_harmonics(lmax), irreps)
        layer, order = bridge.interaction(theirs)
        x, s = draw(graph.num_nodes, rep.dim, 4), draw(graph.num_edges, (lmax + 1) ** 2)
        w = draw(graph.num_edges, theirs.weight_numel)
        sums = messages(theirs, bridge.to_features(x, rep), s, w, graph)
        columns = theirs.irreps_out.slices()
        sorted_sums = [sums[:, columns[number]] for number in order]
        weights = w.unflatten(1, (-1, 4))[:, order]
        found = layer(x.to(dtype), s.to(dtype), weights.to(dtype), graph)
        return bridge.to_features(found, layer.target.rep), torch.cat(sorted_sums, 1)

    return Case(f"interaction, l ≤ {lmax}, {_of(parity)}", both)


def linear(irreps: str, target: str) -> Case:
    """`o3.Linear` with biases."""

    def both(dtype: torch.dtype) -> Pair:
        from e3nn import o3

        theirs = o3.Linear(irreps, target, biases=True)
        theirs.bias.data.copy_(draw(theirs.bias_numel))
        theirs.weight.data.copy_(draw(theirs.weight_numel))
        x = draw(NODES, theirs.irreps_in.dim)
        layer = bridge.linear(theirs).to(dtype)
        found = layer(bridge.from_features(x, layer.source.rep, layer.channels).to(dtype))
        return bridge.to_features(found, layer.target.rep), theirs(x)

    return Case(f"linear, {irreps} → {target}", both)


def e3nn_gate(irreps: str) -> Any:
    """e3nn's gate of four invariants and of these irreps."""
    from e3nn import nn as enn
    from e3nn import o3

    gated = o3.Irreps(irreps)
    gates = f"{gated.num_irreps}x0e"
    silu, sigmoid = nn.functional.silu, torch.sigmoid
    return enn.Gate("4x0e", [silu], gates, [sigmoid], gated)


def gate(irreps: str) -> Case:
    """With e3nn's own constants."""

    def both(dtype: torch.dtype) -> Pair:
        theirs = e3nn_gate(irreps)
        x = given = draw(NODES, theirs.irreps_in.dim)
        if irreps.startswith("4x0o"):  # e3nn sorts these before all 0e
            rep, _ = bridge.from_irreps(f"4x0e+{irreps}")
            scales = theirs.act_scalars.acts[0].cst, theirs.act_gates.acts[0].cst
            layer = Gate(rep, channels=4, scales=scales).to(dtype)
            invariants = 4 * (1 + layer.gates)
            given = torch.cat([x[:, 4 : 4 + invariants], x[:, :4], x[:, 4 + invariants :]], 1)
        else:
            layer = bridge.gate(theirs).to(dtype)
        found = layer(bridge.from_features(given, layer.source.rep, 4).to(dtype))
        return bridge.to_features(found, layer.target.rep), theirs(x)

    return Case(f"gate, 4x0e+{irreps}, constants of e3nn", both)


def constants() -> dict[str, tuple[float, float]]:
    """Activation -> the constant of its second moment, by quadrature and by e3nn's estimate."""
    from e3nn.math import normalize2mom

    functions: dict[str, Callable[[Tensor], Tensor]]
    functions = {"silu": nn.functional.silu, "sigmoid": torch.sigmoid}
    return {name: (unit_scale(f), float(normalize2mom(f).cst)) for name, f in functions.items()}


def _of(parity: Parity) -> str:
    return "both parities" if parity == "both" else "natural parity"


def cases() -> list[Case]:
    """All of them."""
    parities: tuple[Parity, ...] = ("natural", "both")
    found = [harmonics(l, normalize) for normalize in (True, False) for l in range(12)]
    found += [three_j(3), *(wigner(l) for l in (1, 3, 6))]
    for parity in parities:
        for connections in ("uuu", "uvu", "uvw"):
            found += [tensor_product(connections, lmax, parity) for lmax in (1, 2)]
        found += [tensor_product(c, 2, parity, weights=False) for c in ("uuu", "uvu")]
        found += [interaction(lmax, parity) for lmax in (1, 2, 3)]
    found.append(linear("8x0e+16x1o+8x2e", "4x0e+4x1o+8x2e"))
    found.append(linear("4x0e+4x0o+8x1o+4x1e", "6x0e+6x0o+6x1o+6x1e"))
    return [*found, gate("4x1o+4x2e"), gate("4x0o+4x1o+4x1e"), gate("4x1o+4x1e+4x2o+4x2e")]
