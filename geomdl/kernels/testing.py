"""The test of faces: everything a kernel owes, as checks that raise AssertionError.

Each check takes a kernel alone and works on the kernel's own examples, so that every registered
kernel, and a new one the day it is registered, is under all of them.
"""

import copy
import io
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from geomdl.kernels import threads
from geomdl.kernels.op import Args, Kernel

INTEGERS = (torch.int32, torch.int64)
EPS = {dtype: torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)}


def check_faces(kernel: Kernel) -> None:
    """Put a kernel under every check.

    Args:
        kernel: any.

    Raises:
        AssertionError: a check fails; the message names kernel and check.
    """
    for name, check in CHECKS.items():
        try:
            check(kernel)
        except Exception as error:
            raise AssertionError(f"{kernel.name}: {name}: {error}") from error


def check_values(kernel: Kernel) -> None:
    """CPU face and reference lie within the bound of the exact answer, in each type and case."""
    for case in kernel.cases:
        for index_dtype in INTEGERS:
            for dtype in (torch.float32, torch.float64):
                args = kernel.example(dtype, index_dtype, case)
                exact_args = _cast(args, torch.float64)
                exact = kernel.reference(*exact_args)
                bound = kernel.bound(exact_args, EPS[dtype])
                for face in (kernel.cpu, kernel.reference, kernel):
                    _within(face(*args), exact, bound, dtype, f"{case}, {dtype}, {index_dtype}")


def check_half_precision(kernel: Kernel) -> None:
    """Half precision is storage alone: sums are in float32, rounded once at the end."""
    for dtype in (torch.bfloat16, torch.float16):
        for case in kernel.cases:
            args = kernel.example(dtype, torch.int32, case)
            exact_args = _cast(args, torch.float64)
            exact = kernel.reference(*exact_args)
            sums = kernel.bound(exact_args, EPS[torch.float32])
            info = torch.finfo(dtype)
            bound = sums + info.eps / 2 * (exact.abs() + sums) + info.eps * info.tiny
            for face in (kernel.cpu, kernel.reference):
                _within(face(*args), exact, bound, dtype, f"{case}, {dtype}")


def check_strides(kernel: Kernel) -> None:
    """Any strides of any argument give the same, bitwise, and no argument is written to."""
    for case in kernel.cases:
        args = kernel.example(torch.float32, torch.int64, case)
        expected = kernel.cpu(*args)
        assert expected.is_contiguous(), f"{case}: the result should be contiguous"
        for name, layout in _LAYOUTS.items():
            moved = tuple(layout(a) if isinstance(a, Tensor) else a for a in args)
            before = copy.deepcopy(moved)
            found = kernel(*moved)
            assert torch.equal(found, expected), f"{case}: differs where arguments are {name}"
            for a, b in zip(moved, before, strict=True):
                assert not isinstance(a, Tensor) or torch.equal(a, b), f"{case}: wrote to an input"
        same = tuple(
            torch.ones(1, dtype=a.dtype).expand(a.shape)
            if isinstance(a, Tensor) and a.is_floating_point()
            else a
            for a in args
        )
        expected = kernel.cpu(*(a.contiguous() if isinstance(a, Tensor) else a for a in same))
        assert torch.equal(kernel(*same), expected), f"{case}: differs where arguments are expanded"


def check_gradients(kernel: Kernel) -> None:
    """First and second derivatives agree with finite differences, in float64."""
    for case in kernel.cases:
        function, inputs = _of_floats(kernel, case)
        if all(x.numel() for x in inputs) and function(*inputs).numel():
            torch.autograd.gradcheck(function, inputs)
            torch.autograd.gradgradcheck(function, inputs)
            torch.autograd.gradgradcheck(_squared(function), inputs)  # gradients that depend on x
        else:
            for x, g in zip(inputs, torch.autograd.grad(function(*inputs).sum(), inputs)):  # noqa: B905
                assert g.shape == x.shape, f"{case}: gradient of shape {tuple(g.shape)}"


def check_forward_mode(kernel: Kernel) -> None:
    """Tangents through the kernel, its compiled form and its bare op agree or raise."""
    function, inputs = _of_floats(kernel, "usual")
    inputs = tuple(x.detach() for x in inputs)
    reference, _ = _of_floats(kernel, "usual", kernel.reference)
    directions = tuple(torch.linspace(1, 2, x.numel()).to(x).reshape(x.shape) for x in inputs)
    expected = torch.func.jvp(reference, inputs, directions)[1]
    assert expected.abs().max() > 0, "the example's tangent should not vanish"
    bare, _ = _of_floats(kernel, "usual", kernel.op)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")

    def dual(f: Callable[..., Tensor]) -> Callable[[], Tensor | None]:
        def run() -> Tensor | None:
            with forward_ad.dual_level():
                pairs = [forward_ad.make_dual(*p) for p in zip(inputs, directions, strict=True)]
                tangent = forward_ad.unpack_dual(f(*pairs)).tangent
                return None if tangent is None else tangent.clone()

        return run

    for name, run in {
        "func.jvp": lambda: torch.func.jvp(function, inputs, directions)[1],
        "dual numbers": dual(function),
        "the bare op": dual(bare),
        "torch.compile": dual(compiled),
    }.items():
        try:
            tangent = run()
        except (NotImplementedError, RuntimeError):
            assert name not in ("func.jvp", "dual numbers"), f"{name} raises"
            continue
        assert tangent is not None, f"{name}: a silent zero for a tangent"
        error = (tangent - expected).abs().max()
        assert error <= 1e-12 * expected.abs().max(), f"{name}: tangent off by {error}"


def check_transforms(kernel: Kernel) -> None:
    """`torch.func`: vmap and Hessian-vector products agree with the reference."""
    function, inputs = _of_floats(kernel, "usual")
    reference, _ = _of_floats(kernel, "usual", kernel.reference)
    inputs = tuple(x.detach() for x in inputs)
    batch = tuple(torch.stack([x, 2 * x, -x]) for x in inputs)
    one_by_one = torch.stack([reference(*(x[i] for x in batch)) for i in range(3)])
    error = (torch.func.vmap(function)(*batch) - one_by_one).abs().max()
    assert error <= 1e-12 * one_by_one.abs().max(), f"vmap is off by {error}"

    def curvature(f: Callable[..., Tensor]) -> Tensor:
        gradient = torch.func.grad(lambda x: f(x, *inputs[1:]).pow(3).sum())
        product: Tensor = torch.func.jvp(gradient, inputs[:1], inputs[:1])[1]
        return product

    expected = curvature(reference)
    error = (curvature(function) - expected).abs().max()
    assert error <= 1e-12 * expected.abs().max(), f"Hessian-vector product is off by {error}"


def check_threads(kernel: Kernel) -> None:
    """One thread and more of them give the same, bitwise."""
    for case in kernel.cases:
        args = kernel.example(torch.float32, torch.int32, case)
        with threads.always(1):
            expected = kernel(*args)
        for count in (2, 3):
            with threads.always(count):
                assert torch.equal(kernel(*args), expected), f"{case}: {count} threads differ"


def check_nan(kernel: Kernel) -> None:
    """A NaN reaches the entries that it reaches in the reference, and no others."""
    args = kernel.example(torch.float32, torch.int32, "usual")
    for position, x in enumerate(args):
        if isinstance(x, Tensor) and x.is_floating_point():
            spoilt = x.clone()
            spoilt[0] = float("nan")
            changed = (*args[:position], spoilt, *args[position + 1 :])
            found, expected = kernel.cpu(*changed).isnan(), kernel.reference(*changed).isnan()
            assert torch.equal(found, expected), "a NaN is lost or spreads"
            assert not expected.all(), "the example should have rows that a NaN does not reach"


def check_registration(kernel: Kernel) -> None:
    """`torch.library.opcheck`: schema, fake tensor, autograd, dynamic shapes."""
    for case in kernel.cases:
        args = kernel.example(torch.float32, torch.int64, case)
        torch.library.opcheck(kernel.op, args)
        fake = kernel.fake(*args)
        real = kernel.cpu(*args)
        assert (fake.shape, fake.dtype) == (real.shape, real.dtype), f"{case}: fake differs"


def check_compile(kernel: Kernel) -> None:
    """`torch.compile` in one graph, with the same values and gradients."""
    torch.compiler.reset()  # or what other kernels compiled here would count as recompilations
    function, inputs = _of_floats(kernel, "usual")
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    expected, found = function(*inputs), compiled(*inputs)
    assert torch.equal(found, expected), "compiled values differ"
    weights = torch.linspace(1, 2, expected.numel()).to(expected).reshape(expected.shape)
    pairs = [torch.autograd.grad((y * weights).sum(), inputs) for y in (found, expected)]
    for g, h in zip(*pairs, strict=True):
        assert torch.equal(g, h), "compiled gradients differ"


def check_export(kernel: Kernel) -> None:
    """`torch.export` sees one op; the program survives saving and loading."""

    class Module(nn.Module):
        def forward(self, args: list[Any]) -> Tensor:
            return kernel(*args)

    args = list(kernel.example(torch.float32, torch.int64, "usual"))
    program = torch.export.export(Module(), (args,))
    targets = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert targets == [kernel.op], f"expected the one op, got {targets}"
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    again = torch.export.load(buffer).module()
    assert torch.equal(again(args), kernel(*args)), "the exported program differs"


CHECKS: dict[str, Callable[[Kernel], None]] = {
    "values": check_values,
    "half precision": check_half_precision,
    "strides": check_strides,
    "gradients": check_gradients,
    "forward mode": check_forward_mode,
    "transforms": check_transforms,
    "threads": check_threads,
    "nan": check_nan,
    "registration": check_registration,
    "compile": check_compile,
    "export": check_export,
}


def _squared(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *inputs: function(*inputs).square().sum()


def _cast(args: Args, dtype: torch.dtype) -> Args:
    return tuple(
        a.to(dtype) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args
    )


def _within(y: Tensor, exact: Tensor, bound: Tensor, dtype: torch.dtype, where: str) -> None:
    assert y.dtype == dtype, f"{where}: result of type {y.dtype}"
    assert y.shape == exact.shape, f"{where}: expected {tuple(exact.shape)}, got {tuple(y.shape)}"
    # `exact` itself is rounded in float64, which matters where the face is float64 as well
    bound = bound * (1 + 1e-6) + (bound if dtype == torch.float64 else 0)
    error = (y.double() - exact).abs()
    assert bool((error <= bound).all()), f"{where}: error {error.max():.2e} beyond the bound"


def _of_floats(
    kernel: Kernel, case: str, face: Callable[..., Tensor] | None = None
) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """A face as a function of its floating-point arguments, and those arguments in float64."""
    args = kernel.example(torch.float64, torch.int64, case)
    places = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.is_floating_point()]
    chosen = kernel if face is None else face

    def function(*inputs: Tensor) -> Tensor:
        full = list(args)
        for place, x in zip(places, inputs, strict=True):
            full[place] = x
        return chosen(*full)

    return function, tuple(args[place].clone().requires_grad_() for place in places)


def _transposed(x: Tensor) -> Tensor:
    axes = tuple(reversed(range(x.ndim)))
    return x.permute(axes).contiguous().permute(axes)


def _sliced(x: Tensor) -> Tensor:
    room = torch.full([2 * n + 3 for n in x.shape], 77, dtype=x.dtype)
    view = room[tuple(slice(1, 1 + 2 * n, 2) for n in x.shape)]
    return view.copy_(x)


_LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {"transposed": _transposed, "sliced": _sliced}
