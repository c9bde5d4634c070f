"""The pattern: one operation, several faces, registered once with everything torch asks for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

Args = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """An operation on tensors with a plain-torch reference and a compiled CPU face.

    Making one registers `torch.ops.<namespace>.<name>`: the CPU runs `cpu`, any other device
    `reference`, fake tensors `fake` (so `torch.compile` and `torch.export` see one op), and
    autograd `backward`. Calling the object runs the op; where forward-mode differentiation or a
    transform of `torch.func` is under way, it runs `reference` instead, whose derivatives are
    torch's own, since an op registered with a backward alone has a silent zero for a tangent. On
    plain CPU tensors that nothing watches it runs `cpu` itself: the way through the dispatcher is
    longer than a loop over a small graph.

    Attributes:
        name: of the op.
        reference: plain torch, short, differentiable in every mode, of the annotated signature
            that the op shall have, to a tensor or a tuple of them. Half precision is summed in
            float32 in every face.
        cpu: the same on CPU tensors of any strides. Must return a new contiguous tensor.
        fake: the same on shapes.
        setup: (ctx, inputs, output), so named: keeps in the context what `backward` needs.
        backward: context, gradient -> one gradient (or None) an argument. Written in kernels and
            torch functions, so that derivatives of every order exist. A list of tensors among
            the arguments has a list of None.
        check: raises ValueError or TypeError, in one line, where arguments do not fit together.
        example: dtype, dtype of indices, case -> arguments. Case "usual" is small and has a row
            with nothing to sum; `cases` names the others.
        bound: arguments in float64, eps -> bound on |face - exact|, elementwise.
        cases: what `example` knows, empty inputs among them.
        namespace: of the op in `torch.ops`.
    """

    name: str
    reference: Callable[..., Any]
    cpu: Callable[..., Any]
    fake: Callable[..., Any]
    setup: Callable[[Any, Args, Any], None]
    backward: Callable[..., Any]
    check: Callable[..., None]
    example: Callable[[torch.dtype, torch.dtype, str], Args]
    bound: Callable[[Args, float], Any]
    cases: tuple[str, ...] = ("usual",)
    namespace: str = "geomdl"
    op: Any = field(init=False)
    _eager: Any = field(init=False)

    def __post_init__(self) -> None:
        def checked(face: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any) -> Any:
                self.check(*args)
                self._refuse_tangents(args)
                return face(*args)

            return run

        qualified = f"{self.namespace}::{self.name}"
        schema = torch.library.infer_schema(self.reference, mutates_args=())
        definition = torch.library.custom_op(
            qualified, checked(self.reference), mutates_args=(), schema=schema
        )
        definition.register_kernel("cpu")(checked(self.cpu))
        definition.register_fake(self.fake)

        definition.register_autograd(self.backward, setup_context=self.setup)
        op = getattr(getattr(torch.ops, self.namespace), self.name).default
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "_eager", _eager_function(self))

    def __call__(self, *args: Any) -> Tensor:
        result: Tensor = self.run(*args)
        return result

    def run(self, *args: Any) -> Any:
        """As the call, for an op with several results too."""
        if transformed():
            self.check(*args)
            return self.reference(*args)
        if torch.compiler.is_compiling() or not _plain(args):
            return self.op(*args)
        self.check(*args)
        if torch.is_grad_enabled() and any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return self._eager.apply(*args)
        return _fixed(self.cpu(*args))

    def _refuse_tangents(self, args: Args) -> None:
        """The bare op of torch.ops would lose them: a silent zero."""
        if forward_ad._current_level < 0:
            return
        for x in args:
            if isinstance(x, Tensor) and forward_ad.unpack_dual(x).tangent is not None:
                raise NotImplementedError(
                    f"{self.name}: torch.ops.{self.namespace}.{self.name} has no forward mode;"
                    " call the function of geomdl.kernels instead"
                )


def _eager_function(kernel: Kernel) -> Any:
    """The op as a function of autograd: the same face, setup and backward."""

    class Eager(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            output = _fixed(kernel.cpu(*args))
            kernel.setup(ctx, args, output)
            return output

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
            found = kernel.backward(ctx, *gradients)
            return tuple(g if isinstance(g, Tensor) else None for g in _as_tuple(found))

    Eager.__name__ = Eager.__qualname__ = kernel.name
    return Eager


def _fixed(found: Any) -> Any:
    """Several results as a tuple, for autograd sees no others."""
    return tuple(found) if isinstance(found, list) else found


def _as_tuple(found: Any) -> tuple[Any, ...]:
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


_PLAIN = (Tensor, torch.nn.Parameter)


def _plain(args: Args) -> bool:
    """Whether all tensors are plain ones on the CPU, and nothing watches the dispatcher."""
    if (
        torch._C._len_torch_dispatch_stack()
        or torch._C._get_tracing_state() is not None
        or torch._C._autograd._profiler_enabled()
    ):
        return False
    for a in args:
        if isinstance(a, Tensor):
            if type(a) not in _PLAIN or not a.is_cpu:
                return False
        elif isinstance(a, (list, tuple)):
            for b in a:
                if isinstance(b, Tensor) and (
                    type(b) not in _PLAIN or not b.is_cpu or b.requires_grad
                ):
                    return False
    return True


def transformed() -> bool:
    """Whether forward-mode differentiation or a transform of `torch.func` is under way."""
    functorch: Any = torch._C._functorch
    return forward_ad._current_level >= 0 or functorch.peek_interpreter_stack() is not None


# Dynamo asks at compile time; its own guards on dual levels and transforms keep the answer right.
# The same as torch.compiler.assume_constant_result, which would import all of Dynamo.
transformed._dynamo_marked_constant = True  # type: ignore[attr-defined]


_kernels: dict[str, Kernel] = {}


def register(kernel: Kernel) -> Kernel:
    """Put a kernel where the tests of faces and `geomdl doctor --warm` find it.

    Args:
        kernel: any.

    Returns:
        The kernel.

    Raises:
        ValueError: the name is taken.
    """
    if kernel.name in _kernels:
        raise ValueError(f"kernel: the name {kernel.name!r} is taken")
    _kernels[kernel.name] = kernel
    return kernel


def all_kernels() -> tuple[Kernel, ...]:
    """Every registered kernel, by name.

    Example:
        >>> import geomdl.kernels
        >>> [kernel.name for kernel in all_kernels()]
        ['additive_attention', 'additive_attention_gradient', 'component_norm', 'edge_products',
         'filter_fold', 'filter_spread', 'harmonic_ladder', 'interaction',
         'interaction_gradient', 'interaction_second', 'interaction_tangent', 'modulus_gradient',
         'neighbor_extreme', 'neighbor_extreme_gradient', 'neighbor_statistics',
         'neighbor_statistics_gradient', 'neighbor_sum', 'pair_attention',
         'pair_attention_gradient', 'phase_times', 'power_slopes', 'power_sums', 'real_spectrum',
         'real_synthesis', 'scaled_sum', 'segment_softmax', 'segment_softmax_gradient',
         'segment_spread', 'segment_sum', 'spherical_harmonics', 'spherical_harmonics_gradient',
         'wavelet_modulus', 'weighted_sum']
    """
    return tuple(_kernels[name] for name in sorted(_kernels))
