"""What a network's parameters feel of each row of an input: Jacobians, or factors of them."""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from geomdl.generalization.empirical.inputs import Inputs
from geomdl.generalization.empirical.recording import Recorder
from geomdl.generalization.empirical.uses import Product, Use

__all__ = ["Features", "Reader", "Recorded", "record"]

AT_ONCE = 2**24  # bytes of cotangents held at one time: more do not pay


@dataclass(eq=False)
class Recorded:
    """One forward pass.

    Attributes:
        y: output, (rows, outputs of a row).
        length: first axis of the output as it came.
        uses: of parameters, in order.
        loose: parameters with other uses too.
        x: inputs that carry a gradient.
    """

    y: Tensor
    length: int
    uses: list[Use]
    loose: list[int]
    x: list[Tensor]
    parameters: Sequence[Tensor]

    @cached_property
    def shared(self) -> set[int]:
        """Parameters with more uses than one, or with one that is not known."""
        count = Counter(k for use in self.uses for k in use.made_of)
        return {*self.loose, *(k for k in count if count[k] > 1)}

    def factored(self, use: Use) -> TypeGuard[Product]:
        """Whether factors of the gradient will do: a product whose weight is used nowhere else."""
        own = use.tensor is self.parameters[use.made_of[0]] and use.made_of[0] not in self.shared
        return own and isinstance(use, Product)

    @property
    def entries(self) -> int:
        """Numbers in one cotangent, over all places where it is read, for one row."""
        edges = {(use.edge.node, use.edge.output_nr): use.shape.numel() for use in self.uses}
        return max(1, sum(edges.values()) // len(self.y))


def record(
    model: nn.Module, parameters: Sequence[Tensor], inputs: Inputs, begin: int, end: int
) -> Recorded:
    """Run a model on some rows of its inputs.

    Args:
        model: the network.
        parameters: that count.
        inputs: all rows.
        begin: first row.
        end: row after the last.

    Raises:
        ValueError: the model cannot take them.
    """
    for cuts in (True, False):
        arguments, x = inputs.leaves(begin, end)
        recorder = Recorder(parameters, None if inputs.joint else end - begin, cuts)
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), recorder:
            try:
                output = model(*arguments)
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, TypeError, IndexError) as error:
                if not (cuts and recorder.differentiated):
                    raise inputs.refused(error) from error
        if not recorder.differentiated:
            break
    with torch.enable_grad():
        y = inputs.rows_of(output, end - begin)
    loose = sorted(recorder.leaves(y) - {-1})
    return Recorded(y, len(output), recorder.uses, loose, x, parameters)


def cotangents(run: Recorded, ask: list[Any], given: Tensor) -> list[Tensor | None]:
    """Vector-Jacobian products at some places with cotangents (k, *y.shape), stacked."""
    if not run.y.requires_grad or not ask:
        return [None] * len(ask)

    def pull(v: Tensor, batched: bool) -> tuple[Tensor | None, ...]:
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            run.y, ask, v, retain_graph=True, allow_unused=True, is_grads_batched=batched
        )
        return found

    if len(given) > 1:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "There is a performance drop")
            try:
                return list(pull(given, True))
            except RuntimeError:  # an operation without a rule for batches of cotangents
                pass
    each = [pull(v, False) for v in given]
    return [
        None if parts[0] is None else torch.stack([p for p in parts if p is not None])
        for parts in zip(*each, strict=True)
    ]


def mixes(run: Recorded) -> tuple[bool, bool]:
    """Whether rows of the output depend on other rows of the input, and whether uses mix rows.

    A cotangent on half of the rows should vanish on the others, everywhere; one that is 2ᵏ times as
    large on a row should come out so where parameters are used, where k is one after another of
    the row's digits in base 32: rows in another order would not. Powers of two are not rounded.
    """
    rows = len(run.y)
    rng = torch.Generator().manual_seed(0)
    half = torch.randperm(rows, generator=rng) < (rows + 1) // 2
    v = torch.randn(run.y.shape, generator=rng, dtype=torch.float64).to(run.y)
    digits = [torch.arange(rows) // 32**k % 32 for k in range(5) if 32**k < rows]
    scales = (2.0 ** torch.stack(digits)).to(v).unsqueeze(2)
    edges = _edges(run)
    given = torch.cat([torch.stack([v * half.unsqueeze(1).to(v), v]), v * scales])
    found = cotangents(run, [*run.x, *edges], given)

    def leaks(delta: Tensor | None) -> bool:
        if delta is None:
            return False
        split = delta[0].reshape(rows, -1)
        return bool((split[~half.to(split.device)] != 0).any())

    def moved(delta: Tensor | None) -> bool:
        if delta is None:
            return False
        parts = delta.reshape(len(given), rows, -1)
        expected = parts[1] * scales
        off = (parts[2:] - expected).norm(dim=2)
        return not bool((off <= 0.25 * expected.norm(dim=2)).all())

    apart = all(use.splits(rows) for use in run.uses)
    inner = not apart or any(leaks(delta) or moved(delta) for delta in found[len(run.x) :])
    return any(leaks(delta) for delta in found[: len(run.x)]), inner


def _edges(run: Recorded) -> list[Any]:
    return list({(use.edge.node, use.edge.output_nr): use.edge for use in run.uses}.values())


@dataclass(eq=False)
class Features:
    """Rows of the Jacobian, and factors of rows where these are cheaper.

    Attributes:
        jacobian: (rows · outputs, columns), of all parameters that are not in `factors`.
        factors: position of a parameter -> inputs (rows, groups, S, I) and cotangents
            (rows, groups, outputs, C, S).
        rows: number of them.
        outputs: of each row.
    """

    jacobian: Tensor
    factors: dict[int, tuple[Tensor, Tensor]]
    rows: int
    outputs: int


class Reader:
    """Features of the rows of one input.

    Rows go through the network together where that was checked to be the same as one by one;
    a parameter with a use that is not known is read from one row at a time.

    Args:
        model: the network.
        parameters: that count.
        inputs: all rows.

    Attributes:
        first: the pass of the first row alone.
        length: rows of the kernel.
        outputs: of each of them.
        units: what blocks are made of: rows, or single outputs where rows go together.
        width: outputs of a unit.
    """

    def __init__(self, model: nn.Module, parameters: Sequence[Tensor], inputs: Inputs) -> None:
        self.model, self.parameters, self.inputs = model, parameters, inputs
        self.first = record(model, parameters, inputs, 0, 1)
        self.together: dict[int, bool] = {1: True}
        if not (self.first.loose or (self.first.uses and self.first.y.requires_grad)):
            raise ValueError(
                "model: should have outputs that depend on a trained parameter, got one of none;"
                " is it detached, or made under no_grad?"
            )
        held = self.first.y.element_size() * self.first.y.shape[1] * self.first.entries
        alone = inputs.joint or bool(self.first.loose)
        self.at_once = 1 if alone else max(1, AT_ONCE // held)
        if self.at_once == 1 and inputs.rows > 1:
            self._checked(record(model, parameters, inputs, 0, 2), 0)

    @property
    def length(self) -> int:
        return self.first.length if self.inputs.joint else self.inputs.rows

    @property
    def outputs(self) -> int:
        return self.units * self.width // self.length

    @property
    def units(self) -> int:
        return self.first.y.shape[1] if self.inputs.joint else self.inputs.rows

    @property
    def width(self) -> int:
        return 1 if self.inputs.joint else self.first.y.shape[1]

    def runs(self, begin: int, end: int) -> Iterator[tuple[int, int, Recorded]]:
        """Passes over some rows: first row, row after the last, and what was recorded."""
        step = _even(end - begin, self.at_once)
        while begin < end:
            last = min(begin + step, end)
            run = record(self.model, self.parameters, self.inputs, begin, last)
            if last - begin not in self.together:
                self.together[last - begin] = self._checked(run, begin)
            if not self.together[last - begin]:
                self.at_once = step = 1
                continue
            yield begin, last, run
            begin = last

    def _checked(self, run: Recorded, begin: int) -> bool:
        """Whether rows may go together.

        Raises:
            ValueError: one row of the output depends on another row of the input.
        """
        outer, inner = mixes(run)
        for k in (0, len(run.y) - 1):
            alone = record(self.model, self.parameters, self.inputs, begin + k, begin + k + 1)
            off = (run.y[k] - alone.y[0]).detach().abs().max()
            outer |= not bool(off <= 1e-3 * alone.y.detach().abs().max())
        if outer:
            raise ValueError(
                "model: each row of the output should depend on its own row of x alone, got one"
                " that others move"
            )
        return not inner and not run.loose

    def read(self, begin: int, end: int, kept: Mapping[int, Product]) -> Features:
        """Features of the units from `begin` to `end`.

        Args:
            begin: first one.
            end: the one after the last.
            kept: parameters of which factors are kept.
        """
        low, high = (begin, end) if self.inputs.joint else (0, self.width)
        begin, end = (0, 1) if self.inputs.joint else (begin, end)
        rows, outputs = end - begin, high - low
        starts, at = {}, 0
        for k, p in enumerate(self.parameters):
            if k not in kept:
                starts[k] = at
                at += size(p)
        jacobian = self.first.y.new_zeros(rows, outputs, at)
        left: dict[int, list[Tensor]] = {k: [] for k in kept}
        right: dict[int, Tensor] = {}
        for first, last, run in self.runs(begin, end):
            n, here = last - first, slice(first - begin, last - begin)
            factored = [u for u in run.uses if run.factored(u) and u.made_of[0] in kept]
            places = {u.made_of[0]: u.sizes[1] // n for u in factored}
            if len(places) != len(kept) or any(right[k].shape[-1] != places[k] for k in right):
                raise ValueError(
                    "model: should use its weights alike for every row, got a row for which it does"
                    " not; method='jacobian' does not ask for this"
                )
            for product in factored:
                k = product.made_of[0]
                left[k].append(product.inputs(n).to(jacobian.dtype))
                if k not in right:
                    groups, _, _, width = product.sizes
                    right[k] = jacobian.new_zeros(rows, groups, outputs, width, places[k])
            for some, deltas, direct in _slices(run, low, high):
                for use in run.uses:
                    delta = deltas[_key(use.edge)]
                    if delta is None:
                        continue
                    if run.factored(use) and use.made_of[0] in kept:
                        right[use.made_of[0]][here, :, some] = use.cotangents(delta, n)
                        continue
                    for k, part in _back(use, self.parameters, use.jacobian(delta, n)):
                        jacobian[here, some, starts[k] : starts[k] + part.shape[-1]] += part
                for k, part in direct:
                    jacobian[here, some, starts[k] : starts[k] + part.shape[-1]] += part
        factors = {k: (torch.cat(left[k]), right[k]) for k in kept}
        return Features(jacobian.flatten(0, 1), factors, rows, outputs)

    def squares(self) -> Tensor:
        """Squared norm of each row of the Jacobian, (rows · outputs,), in float64."""
        found = []
        for _, _, run in self.runs(0, self.inputs.rows):
            n, outputs = run.y.shape
            shared = run.shared
            total = run.y.new_zeros(n, outputs, dtype=torch.float64)
            for some, deltas, direct in _slices(run, 0, outputs):
                sums: dict[int, Tensor] = {}
                for use in run.uses:
                    delta = deltas[_key(use.edge)]
                    if delta is None:
                        continue
                    if run.factored(use) and use.sizes[:2] == (1, n):  # one position
                        a, d = use.inputs(n), use.cotangents(delta, n)
                        squares = a.double().square().sum((1, 2, 3)).unsqueeze(1)
                        total[:, some] += squares * d.double().square().sum((1, 3, 4))
                        continue
                    for k, part in _back(use, self.parameters, use.jacobian(delta, n)):
                        if k in shared:
                            sums[k] = sums[k] + part if k in sums else part
                        else:
                            total[:, some] += part.double().square().sum(2)
                for k, own in direct:
                    sums[k] = sums[k] + own if k in sums else own.unsqueeze(0)
                for part in sums.values():
                    total[:, some] += part.double().square().sum(2)
            found.append(total.flatten())
        return torch.cat(found)


def _even(rows: int, most: int) -> int:
    """Rows at a time, all alike if not much less than the most: each number is checked once."""
    return next((k for k in range(min(most, rows), most // 2, -1) if rows % k == 0), most)


def _key(edge: Any) -> tuple[Any, int]:
    return edge.node, edge.output_nr


def numbers(x: Tensor) -> Tensor:
    """Real and imaginary parts on a last axis, where there are any."""
    return torch.view_as_real(x.resolve_conj()) if x.is_complex() else x


def size(parameter: Tensor) -> int:
    """Real numbers in it."""
    return numbers(parameter.detach()).numel()


def _slices(
    run: Recorded, low: int, high: int
) -> Iterator[tuple[slice, dict[Any, Tensor | None], list[tuple[int, Tensor]]]]:
    """Cotangents of some outputs, a few at a time, and gradients of loose parameters."""
    n, outputs = run.y.shape
    edges = _edges(run)
    ask = [*edges, *(run.parameters[k] for k in run.loose)]
    held = n * run.entries + sum(size(run.parameters[k]) for k in run.loose)
    step = max(1, AT_ONCE // (run.y.element_size() * held))
    for k in range(low, high, step):
        some = torch.arange(k, min(k + step, high), device=run.y.device)
        one = run.y.new_zeros(len(some), 1, outputs).scatter_(2, some[:, None, None], 1)
        found = cotangents(run, ask, one.expand(len(some), n, outputs))
        deltas = {_key(edge): delta for edge, delta in zip(edges, found, strict=False)}
        rest = zip(run.loose, found[len(edges) :], strict=True)
        direct = [(at, numbers(part).flatten(1)) for at, part in rest if part is not None]
        yield slice(k - low, k - low + len(some)), deltas, direct


def _back(use: Use, parameters: Sequence[Tensor], jacobian: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Gradients of the parameters that a tensor is made of, from those of the tensor."""
    if use.tensor is parameters[use.made_of[0]]:
        yield use.made_of[0], jacobian.reshape(*jacobian.shape[:2], -1)
        return
    if use.tensor._version != use.then:
        raise RuntimeError(
            "model: should leave what it makes of its weights as it is, got one changed in place"
            f" afterwards, of shape {tuple(use.tensor.shape)}"
        )
    rows = jacobian.flatten(0, 1)
    made = Recorded(use.tensor, 0, [], [], [], parameters)
    found = cotangents(made, [parameters[k] for k in use.made_of], rows)
    for k, part in zip(use.made_of, found, strict=True):
        if part is not None:
            yield k, numbers(part).reshape(*jacobian.shape[:2], -1)
