"""Messages that are any function of a pair: summed block by block, and computed again backward."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from geomdl import kernels
from geomdl.fields import Graph
from geomdl.kernels.op import transformed

BLOCK = 1 << 14


def sum_of_messages(
    function: Callable[..., Tensor],
    at_targets: Sequence[Tensor],
    at_sources: Sequence[Tensor],
    on_edges: Sequence[Tensor],
    graph: Graph,
    *,
    weights: Sequence[Tensor] = (),
    block: int = BLOCK,
) -> Tensor:
    """Sum over the edges that enter each node of any function of its two ends.

    y_i = Σ φ(t_i, …, s_j, …, f_e, …, w, …) over e: j → i

    Edges are taken in blocks of whole neighbourhoods, so that memory is of one block, in the first
    derivative as well, which computes the messages again. Higher derivatives store those of all
    edges, as do `torch.compile` and the transforms of `torch.func`. *Exact* up to rounding; 0 where
    no edge enters.

    Args:
        function: φ, of tensors with one row an edge, in the order above, to one, (rows, ...). What
            it does with one edge shall not depend on the others. It is called several times, and
            draws the same from torch's generators each time, as in dropout. The parameters of an
            `nn.Module` are found; other tensors that need a gradient go into `weights`.
        at_targets: t, each (nodes, ...).
        at_sources: s, each (nodes, ...).
        on_edges: f, each (edges, ...), in the order in which the graph's edges were given.
        graph: whose edges these are.
        weights: w, given to φ as they are.
        block: number of edges in a block; a node of more has one of its own.

    Returns:
        shape (nodes, ...).

    Raises:
        ValueError: a tensor of another number of rows, a block below 1, or φ needs gradients of a
            tensor that is not among `weights`.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 2], [1, 1]]))
        >>> x = torch.tensor([[1.0], [2.0], [4.0]])
        >>> sum_of_messages(lambda t, s: (t - s).square(), [x], [x], [], graph).flatten().tolist()
        [0.0, 5.0, 0.0]
    """
    for name, tensors, count in (
        ("at_targets", at_targets, graph.num_nodes),
        ("at_sources", at_sources, graph.num_nodes),
        ("on_edges", on_edges, graph.num_edges),
    ):
        for tensor in tensors:
            if tensor.ndim < 1 or tensor.shape[0] != count:
                raise ValueError(f"{name}: expected shape ({count}, …), got {tuple(tensor.shape)}")
    if block < 1:
        raise ValueError(f"block: expected at least 1, got {block}")
    if isinstance(function, nn.Module):
        names, parameters = list(dict(function.named_parameters())), list(function.parameters())
        function, weights = _called(function, names), [*weights, *parameters]
    kinds = _Kinds(len(at_targets), len(at_sources), len(on_edges))
    tensors = [*at_targets, *at_sources, *on_edges, *weights]
    if torch.compiler.is_compiling() or transformed():
        return _whole(function, kinds, graph, tensors)
    found: Tensor = _Blocks.apply(function, kinds, graph, block, torch.is_grad_enabled(), *tensors)  # type: ignore[no-untyped-call]
    return found


class _Kinds(NamedTuple):
    """How many tensors there are of each kind; the others are weights."""

    targets: int
    sources: int
    edges: int


class _Block(NamedTuple):
    """Nodes first, … before last, and the edges that enter them: numbers, and both ends."""

    first: int
    last: int
    ptr: Tensor
    edge: Tensor
    source: Tensor
    target: Tensor


def _called(module: nn.Module, names: list[str]) -> Callable[..., Tensor]:
    """A module as a function of its parameters, which come last."""

    def run(*tensors: Tensor) -> Tensor:
        count = len(tensors) - len(names)
        parameters = dict(zip(names, tensors[count:], strict=True))
        found: Tensor = torch.func.functional_call(module, parameters, tensors[:count])
        return found

    return run


def _blocks(graph: Graph, size: int) -> Iterator[_Block]:
    """Whole neighbourhoods of at most so many edges, or of one node; at least one block."""
    bounds, nodes = graph.in_ptr.tolist(), graph.num_nodes
    first = 0
    while True:
        last = min(max(bisect_right(bounds, bounds[first] + size) - 1, first + 1), nodes)
        yield _block(graph, first, last, bounds[first], bounds[last])
        first = last
        if first >= nodes:
            return


def _block(graph: Graph, first: int, last: int, start: int, stop: int) -> _Block:
    edge = graph.perm[start:stop]
    ptr = graph.in_ptr[first : last + 1] - start
    return _Block(first, last, ptr, edge, graph.in_neighbors[start:stop], graph.target[edge])


def _gathered(kinds: _Kinds, tensors: Sequence[Tensor], block: _Block) -> list[Tensor]:
    """Arguments of the function on a block."""
    places = [*[block.target] * kinds.targets, *[block.source] * kinds.sources]
    places += [block.edge] * kinds.edges
    rows = [t.index_select(0, place) for t, place in zip(tensors, places, strict=False)]
    return rows + list(tensors[len(places) :])


def _whole(
    function: Callable[..., Tensor], kinds: _Kinds, graph: Graph, tensors: Sequence[Tensor]
) -> Tensor:
    block = _block(graph, 0, graph.num_nodes, 0, graph.num_edges)
    return kernels.segment_sum(function(*_gathered(kinds, tensors, block)), block.ptr)


class _Draws:
    """Where torch's generators are now, to draw the same again.

    Args:
        tensors: on whose devices.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.devices = sorted({t.get_device() for t in tensors if t.is_cuda})
        self.cpu = torch.get_rng_state()
        self.cuda = [torch.cuda.get_rng_state(device) for device in self.devices]

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draws as they were within, and generators as they are after."""
        with torch.random.fork_rng(devices=self.devices):
            torch.set_rng_state(self.cpu)
            for device, state in zip(self.devices, self.cuda, strict=True):
                torch.cuda.set_rng_state(state, device)
            yield


class _Blocks(torch.autograd.Function):
    """Sums block by block."""

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable[..., Tensor],
        kinds: _Kinds,
        graph: Graph,
        size: int,
        watched: bool,
        *tensors: Tensor,
    ) -> Tensor:
        """Sums, without a graph of derivatives."""
        ctx.function, ctx.kinds, ctx.graph, ctx.size = function, kinds, graph, size
        ctx.save_for_backward(*tensors)
        ctx.draws = _Draws(tensors)
        sums = []
        for block in _blocks(graph, size):
            rows = [row.detach() for row in _gathered(kinds, tensors, block)]
            with torch.set_grad_enabled(watched):
                m = function(*rows)
            if m.requires_grad:
                raise ValueError(
                    "function: expected tensors that need gradients among weights,"
                    " got one in a closure"
                )
            sums.append(kernels.segment_sum(m, block.ptr))
        return torch.cat(sums)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        """The messages again, block by block, and what they give to each argument."""
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[5:]
        if torch.is_grad_enabled():  # to be differentiated again
            wanted = [t for t, need in zip(tensors, needed, strict=True) if need]
            with ctx.draws.again():
                y = torch.cat([
                    kernels.segment_sum(
                        ctx.function(*_gathered(ctx.kinds, tensors, block)), block.ptr
                    )
                    for block in _blocks(ctx.graph, ctx.size)
                ])  # fmt: skip
            found = iter(
                torch.autograd.grad(y, wanted, gradient, create_graph=True, materialize_grads=True)
            )
            return *[None] * 5, *(next(found) if need else None for need in needed)
        totals = [
            torch.zeros_like(t) if need else None for t, need in zip(tensors, needed, strict=True)
        ]
        with ctx.draws.again():
            for block in _blocks(ctx.graph, ctx.size):
                _add_gradients(ctx.function, ctx.kinds, block, tensors, totals, gradient)
        return *[None] * 5, *totals


def _add_gradients(
    function: Callable[..., Tensor],
    kinds: _Kinds,
    block: _Block,
    tensors: Sequence[Tensor],
    totals: Sequence[Tensor | None],
    gradient: Tensor,
) -> None:
    """Add what a block gives."""
    rows = [row.detach() for row in _gathered(kinds, tensors, block)]
    wanted = []
    for row, total in zip(rows, totals, strict=True):
        if total is not None:
            wanted.append(row.requires_grad_())
    with torch.enable_grad():
        m = function(*rows)
    if not m.requires_grad:
        return
    slopes = gradient.index_select(0, block.target)
    found = iter(torch.autograd.grad(m, wanted, slopes, materialize_grads=True))
    edges = kinds.targets + kinds.sources
    for place, total in enumerate(totals):
        if total is None:
            continue
        part = next(found)
        if place < kinds.targets:
            total[block.first : block.last] = kernels.segment_sum(part, block.ptr)
        elif place < edges:
            total.index_add_(0, block.source, part)
        elif place < edges + kinds.edges:
            total.index_copy_(0, block.edge.long(), part)
        else:
            total.add_(part)
