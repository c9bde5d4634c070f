"""The tangent kernel as an operator: products with vectors, without the matrix or a Jacobian."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from geomdl.generalization.empirical.features import Reader
from geomdl.generalization.empirical.inputs import Inputs, trainable

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

__all__ = ["NTKOperator", "ntk_operator"]


class NTKOperator:
    """Θ = J Jᵀ of a network on some inputs, as a symmetric operator on vectors of its outputs.

    Made by `ntk_operator`.

    Attributes:
        shape: of Θ as a matrix, (n · out, n · out), index (row, output).
        rows: n.
        outputs: out.
        dtype: of the vectors.
    """

    def __init__(self, model: nn.Module, x: Any, block: int | None = None) -> None:
        if block is not None and block < 1:
            raise ValueError(f"block: expected at least 1, got {block}")
        self._model, self._parameters = model, trainable(model)
        self._inputs = Inputs.of("x", x)
        self._size = min(block or self._inputs.rows, self._inputs.rows)
        reader = Reader(model, self._parameters, self._inputs)
        next(reader.runs(0, self._inputs.rows))  # refuses rows that mix
        self._check()
        self.dtype = reader.first.y.dtype
        self.rows, self.outputs = reader.length, reader.outputs
        n = self.rows * self.outputs
        self.shape = (n, n)
        self._linear: dict[int, tuple[Tensor, Tensor, list[Tensor]]] = {}

    def _output(self, begin: int, end: int) -> Tensor:
        arguments, _ = self._inputs.leaves(begin, end)
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            y: Tensor = self._model(*arguments)
            rows = self._inputs.rows_of(y, end - begin)
            return y.flatten(1) if y.ndim > 1 else rows.view(-1, 1)

    def _block(self, begin: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Outputs y of some rows, a vector w, and Jᵀ w as a function of w; kept if it is all."""
        if begin in self._linear:
            return self._linear[begin]
        graph = self._graph(begin, min(begin + self._size, self._inputs.rows))
        if self._size == self._inputs.rows:
            self._linear[begin] = graph
        return graph

    def _graph(self, begin: int, end: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        rows = self._output(begin, end)
        w = torch.zeros(rows.numel(), dtype=rows.dtype, device=rows.device, requires_grad=True)
        pulled: list[Tensor] = []
        with torch.enable_grad():
            y = rows.reshape(-1)
            if y.requires_grad:
                pulled += torch.autograd.grad(
                    y, self._parameters, w, create_graph=True, materialize_grads=True
                )
        return y, w, pulled

    def _check(self) -> None:
        """Refuse a backward pass that autograd cannot follow: ⟨u, J Jᵀ v⟩ is ⟨Jᵀ u, Jᵀ v⟩."""
        y, w, pulled = self._graph(0, 1)
        rng = torch.Generator().manual_seed(0)
        u, v = torch.randn(2, len(y), generator=rng, dtype=torch.float64).to(y)
        one, two = (self._pull(y, t) for t in (u, v))
        norms = [sum(float(g.abs().square().sum()) for g in side) for side in (one, two)]
        inner = sum(float((g * h.conj()).real.sum()) for g, h in zip(one, two, strict=True))
        off = abs(float(u @ _push(w, pulled, two)) - inner)
        if not off <= torch.finfo(y.dtype).eps ** 0.5 * (norms[0] * norms[1]) ** 0.5:
            raise ValueError(
                "model: should have a backward pass that can be differentiated, got one that cannot"
                " (a function of its own?); empirical_ntk does not ask for this"
            )

    def _pull(self, y: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        """Jᵀ v."""
        found: tuple[Tensor, ...] = torch.autograd.grad(
            y, self._parameters, v, retain_graph=True, materialize_grads=True
        )
        return found

    def _begins(self) -> range:
        return range(0, self._inputs.rows, self._size)

    def matvec(self, v: Tensor) -> Tensor:
        """Θ v = J (Jᵀ v).

        One backward pass and one through it, over the graph of the network; with blocks of rows
        these are run anew. Memory is that of a training step, and nothing of size n · out ·
        parameters.

        Args:
            v: shape (n · out,) or (n, out).

        Returns:
            Θ v, shape of v.

        Raises:
            ValueError: another shape.
        """
        if v.shape not in (self.shape[:1], (self.rows, self.outputs)):
            raise ValueError(
                f"v: expected shape ({self.shape[0]},) or ({self.rows}, {self.outputs}),"
                f" got {tuple(v.shape)}"
            )
        flat = v.detach().reshape(-1).to(self.dtype)
        total = [torch.zeros_like(p) for p in self._parameters]
        at = 0
        for begin in self._begins():
            y, _, _ = self._block(begin)
            if y.requires_grad:
                for t, g in zip(total, self._pull(y, flat[at : at + len(y)]), strict=True):
                    t += g
            at += len(y)
        parts = []
        for begin in self._begins():
            _, w, pulled = self._block(begin)
            parts.append(_push(w, pulled, total))
        return torch.cat(parts).view(v.shape)

    def __matmul__(self, v: Tensor) -> Tensor:
        return self.matvec(v)

    def diagonal(self) -> Tensor:
        """Θ(x, x)_{aa} = ‖∂f_a(x)/∂θ‖², shape (n, out), in float64; no kernel is formed."""
        reader = Reader(self._model, self._parameters, self._inputs)
        return reader.squares().view(self.rows, self.outputs)

    def trace(self) -> float:
        """Sum of the diagonal."""
        return float(self.diagonal().sum())

    def to_scipy(self) -> "LinearOperator":
        """As `scipy.sparse.linalg.LinearOperator`, for solvers of equations and eigenvalues."""
        import numpy as np
        from scipy.sparse.linalg import LinearOperator

        def matvec(v: Any) -> Any:
            given = torch.as_tensor(np.ascontiguousarray(v)).reshape(-1)
            return self.matvec(given.to(self._parameters[0].device)).cpu().numpy()

        return LinearOperator(
            self.shape, matvec=matvec, rmatvec=matvec,
            dtype=torch.empty(0, dtype=self.dtype).numpy().dtype,
        )  # fmt: skip


def _push(w: Tensor, pulled: Sequence[Tensor], t: Sequence[Tensor]) -> Tensor:
    """J t, where the function w ↦ Jᵀ w is `pulled`."""
    moving = [(p, g) for p, g in zip(pulled, t, strict=True) if p.requires_grad]
    if not moving:
        return torch.zeros_like(w).detach()
    (found,) = torch.autograd.grad(
        [p for p, _ in moving],
        w,
        [g for _, g in moving],
        retain_graph=True,
        materialize_grads=True,
    )
    return found.detach()


def ntk_operator(model: nn.Module, x: Any, *, block: int | None = None) -> NTKOperator:
    """The empirical neural tangent kernel as an operator, Θ v = J (Jᵀ v).

    A backward pass gives Jᵀ v, and another one through it J u: no Jacobian is held, so any number
    of inputs and parameters will do for conjugate gradients, Lanczos or a trace. *Exact* up to
    rounding. See `empirical_ntk` for the kernel itself and for what models are refused.

    Args:
        model: the network.
        x: inputs, shape (n, …), or a tuple of arguments.
        block: rows whose graph is held at a time; all, kept between products, if None.

    Returns:
        The operator: ``operator @ v``, `NTKOperator.diagonal`, `NTKOperator.trace`,
        `NTKOperator.to_scipy`.

    Raises:
        TypeError: no module, no tensor.
        ValueError: nothing is trained; NaN; inputs that the model cannot take; a random model; a
            backward pass that cannot be differentiated.

    Example:
        >>> theta = ntk_operator(nn.Linear(3, 1), torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]]))
        >>> theta @ torch.tensor([1.0, -1.0]), theta.trace()
        (tensor([3., 0.]), 9.0)

    Source: elementary: the backward pass is linear in the cotangent, so that its derivative in it
    is the forward product.
    """
    return NTKOperator(model, x, block)
