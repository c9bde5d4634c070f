"""The cascade: filter, modulus, and again; a low-pass of what comes out at every step.

A tree of nodes, one for each order and scale: all signals that have passed filters of one scale are
one batch. A branch takes the spectrum of a node's signals through all wavelets of another scale.
Batches go down in pieces that stay in the processor's cache.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from geomdl.kernels import real_spectrum, wavelet_modulus
from geomdl.scattering.banks import Bank, coarser
from geomdl.scattering.buffers import WideBuffers
from geomdl.scattering.lowpass import LowPass, Mean, Span
from geomdl.scattering.support import bands_of

Path = tuple[int, ...]
Learnt = Sequence[Tensor] | None  # wavelets of each bank, where they are not constants
Which = Literal["decreasing", "all"]
CACHE = 1 << 22  # bytes of moduli at once


@dataclass(frozen=True)
class Levels:
    """How far signals are subsampled on their way.

    Attributes:
        stride: log₂ of the step of the result, before oversampling.
        oversampling: log₂ of how much finer everything is sampled.
    """

    stride: int
    oversampling: int = 0

    def of(self, j: int) -> int:
        """Level of what a wavelet lets through: sampled every 2^level samples of the input."""
        return max(min(j, self.stride) - self.oversampling, 0)

    @property
    def result(self) -> int:
        """Level of the result."""
        return max(self.stride - self.oversampling, 0)


@dataclass(frozen=True)
class Plan:
    """What a cascade is made from.

    Attributes:
        banks: the wavelets and low-pass for each order of input, the last for all orders after.
        order: how many times the modulus is taken.
        levels: subsampling.
        spans: level -> which samples of a low-passed signal at that level are the result.
        d: number of spatial axes.
        which: "decreasing": a wavelet follows those of finer scales alone; "all": any.
        mean: whether filters for coarser signals are the mean of the aliases (kymatio up to 0.3).
        learnable: whether `forward` will be given the wavelets.
        whole: whether the low-pass is the mean over the samples of the spans.
    """

    banks: tuple[Bank, ...]
    order: int
    levels: Levels
    spans: Callable[[int], tuple[Span, ...]]
    d: int
    which: Which = "decreasing"
    mean: bool = False
    learnable: bool = False
    whole: bool = False

    def bank(self, order: int) -> Bank:
        """That which signals of an order meet."""
        return self.banks[min(order, len(self.banks) - 1)]


class Wavelets(WideBuffers):
    """Wavelets of one scale, as they meet signals of one level.

    Args:
        bank: that they are of.
        filters: which of the bank's wavelets.
        d: number of spatial axes.
        level: of the signals that come in.
        result: level of what goes out.
        mean: as in `Plan`.
        learnable: whether values other than the bank's may come.
    """

    psi: Tensor
    bands: Tensor

    def __init__(
        self,
        bank: Bank,
        filters: tuple[int, ...],
        d: int,
        level: int,
        result: int,
        mean: bool,
        learnable: bool,
    ) -> None:
        super().__init__()
        self._bank, self.filters = bank, filters
        self.d, self.level, self.mean = d, level, mean
        step: int = 2 ** (result - level)
        self.rows, self.columns = ((1, 1) + d * (step,))[-2:]
        psi = self.at_level(bank.psi)
        self.size = psi[0].numel() // (self.rows * self.columns)
        bands = bands_of(psi)
        if learnable:
            bands = torch.tensor([[0, psi.shape[1], 0, psi.shape[2]]]).repeat(len(filters), 1)
        self.register_buffer("bands", bands, persistent=False)
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        return {"psi": self.at_level(self._bank.psi)}

    def at_level(self, psi: Tensor) -> Tensor:
        """Its own wavelets of a whole bank's, (filters, M, N)."""
        psi = coarser(psi[list(self.filters)], self.level, self.d, self.mean)
        psi = psi.reshape(len(psi), *LowPass.padded(tuple(psi.shape[1:])))
        return psi / (self.rows * self.columns)

    def moduli(self, x: Tensor, psi: Tensor, bands: Tensor) -> Tensor:
        """|x * ψ| of spectra (rows, M, N, 2), (rows, wavelets, *spatial)."""
        u = wavelet_modulus(x, psi, bands, self.rows, self.columns)
        return u.squeeze(2) if self.d == 1 else u


class Branch(nn.Module):
    """Signals of a node through all wavelets of one scale, to the node that their moduli are.

    Args:
        wavelets: of the scale.
        bank: number of the bank that they are of.
        child: the node.
    """

    def __init__(self, wavelets: Wavelets, bank: int, child: "Node") -> None:
        super().__init__()
        self.wavelets, self.bank, self.child = wavelets, bank, child

    def forward(self, x: Tensor, learnt: Learnt = None) -> Tensor:
        """Spectra (rows, M, N, 2) to everything below, (rows, paths, *counts)."""
        return self._descend(x, self._psi(learnt), learnt)

    def moduli(self, x: Tensor, learnt: Learnt = None) -> Tensor:
        """|x * ψ| for all wavelets, (rows, wavelets, *spatial)."""
        return self.wavelets.moduli(x, self._psi(learnt), self.wavelets.bands)

    def _psi(self, learnt: Learnt) -> Tensor:
        return self.wavelets.psi if learnt is None else self.wavelets.at_level(learnt[self.bank])

    def _descend(self, x: Tensor, own: Tensor, learnt: Learnt) -> Tensor:
        size = self.wavelets.size * x.element_size()
        at_once = CACHE // (len(own) * size)
        if torch.compiler.is_compiling():  # sizes may be symbolic
            at_once = x.shape[0] + 1
        if x.shape[0] > max(1, at_once):
            pieces = x.split(max(1, at_once))
            return torch.cat([self._descend(piece, own, learnt) for piece in pieces])
        few = len(own) if at_once else max(1, CACHE // size)
        parts = []
        for psi, bands in zip(own.split(few), self.wavelets.bands.split(few), strict=True):
            u = self.wavelets.moduli(x, psi, bands)
            s = self.child(u.flatten(0, 1), learnt)
            parts.append(s.view(x.shape[0], -1, *s.shape[2:]))
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


class Node(nn.Module):
    """Signals of one order and level: their low-pass, and what further wavelets make of them.

    Args:
        plan: of the cascade.
        order: how many moduli have been taken.
        j: greatest scale of the wavelets so far; -1 for the input.
        level: the signals are sampled every 2^level samples of the input.
        made: what has been made already: nodes, and wavelets.
    """

    def __init__(
        self, plan: Plan, order: int, j: int, level: int, made: dict[Any, Any] | None = None
    ) -> None:
        super().__init__()
        made = {} if made is None else made
        self.order, self.level, self.d = order, level, plan.d
        bank = plan.bank(order)
        scales: dict[int, list[int]] = {}
        if order < plan.order:
            for index, wavelet in enumerate(bank.wavelets):
                if plan.which == "all" or wavelet.j > j:
                    scales.setdefault(wavelet.j, []).append(index)
        self.branches = nn.ModuleList()
        for scale, filters in sorted(scales.items()):
            below = max(level, plan.levels.of(scale))
            node = (order + 1, scale, below)
            if node not in made:
                made[node] = Node(plan, *node, made)
            number = min(order, len(plan.banks) - 1)
            wavelets = (plan.banks[number], tuple(filters), plan.d, level, below, plan.mean)
            if wavelets not in made:
                made[wavelets] = Wavelets(*wavelets, plan.learnable)
            self.branches.append(Branch(made[wavelets], number, made[node]))
        phi, spans = coarser(bank.phi, level, plan.d, plan.mean), plan.spans(level)
        self.lowpass: Any = Mean(spans) if plan.whole else LowPass(phi, spans)

    @property
    def paths(self) -> list[Path]:
        """Wavelets passed from here on, in the order of the result of `forward`."""
        found: list[Path] = [()]
        branch: Any
        for branch in self.branches:
            found += [(n, *path) for n in branch.wavelets.filters for path in branch.child.paths]
        return found

    def forward(self, u: Tensor, learnt: Learnt = None) -> Tensor:
        """Signals (rows, *spatial) to everything below, (rows, paths, *counts)."""
        x = self.spectrum(u) if len(self.branches) else None
        if u.is_complex():
            found = [self.lowpass(u.real), self.lowpass(u.imag)]
        elif x is not None and self.lowpass.takes_spectrum:
            found = [self.lowpass.of_spectrum(x)]
        else:
            found = [self.lowpass(u)]
        found = [s.unsqueeze(1) for s in found]
        if x is not None:
            found += [branch(x, learnt) for branch in self.branches]
        return torch.cat(found, 1)

    def spectrum(self, u: Tensor) -> Tensor:
        """Transform of signals, (rows, M, N, 2)."""
        images = u.unsqueeze(1) if self.d == 1 else u
        if u.is_complex():
            return torch.view_as_real(torch.fft.fft2(images))
        return real_spectrum(images)

    def walk(
        self, u: Tensor, learnt: Learnt = None, path: Path = ()
    ) -> Iterator[tuple[Path, int, Tensor]]:
        """Every signal of the cascade itself: path, level, values (rows, *spatial)."""
        yield path, self.level, u
        if not len(self.branches):
            return
        x = self.spectrum(u)
        branch: Any
        for branch in self.branches:
            moduli = branch.moduli(x, learnt)
            for place, index in enumerate(branch.wavelets.filters):
                yield from branch.child.walk(moduli[:, place], learnt, (*path, index))


def canonical(paths: Sequence[Path]) -> list[int]:
    """Places of paths sorted by order, then by their wavelets, the first one first."""
    return sorted(range(len(paths)), key=lambda place: (len(paths[place]), paths[place]))
