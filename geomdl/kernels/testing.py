"""The test of faces: everything a kernel owes, as checks that raise AssertionError.

Each check takes a kernel alone and works on the kernel's own examples, so that every registered
kernel, and a new one the day it is registered, is under all of them.
"""

import copy
import io
from collections.abc import Callable
from operator import getitem
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._pytree import tree_leaves, tree_map_only

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
                for face in (kernel.cpu, kernel.reference, kernel.run):
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
            bound = tuple(
                b + info.eps / 2 * (y.abs() + b) + info.eps * info.tiny
                for y, b in zip(results(exact), results(sums), strict=True)
            )
            for face in (kernel.cpu, kernel.reference):
                _within(face(*args), exact, bound, dtype, f"{case}, {dtype}")


def check_strides(kernel: Kernel) -> None:
    """Any strides of any argument give the same, bitwise, and no argument is written to."""
    for case in kernel.cases:
        args = kernel.example(torch.float32, torch.int64, case)
        expected = results(kernel.cpu(*args))
        assert all(y.is_contiguous() for y in expected), f"{case}: results should be contiguous"
        for name, layout in _LAYOUTS.items():
            moved = tree_map_only(Tensor, layout, args)
            before = copy.deepcopy(moved)
            found = kernel.run(*moved)
            assert _same(found, expected), f"{case}: differs where arguments are {name}"
            assert _same(_tensors(moved), _tensors(before)), f"{case}: wrote to an input"
        same = tuple(
            torch.ones(1, dtype=a.dtype).expand(a.shape)
            if isinstance(a, Tensor) and a.is_floating_point()
            else a
            for a in args
        )
        expected = kernel.cpu(*(a.contiguous() if isinstance(a, Tensor) else a for a in same))
        found = kernel.run(*same)
        assert _same(found, expected), f"{case}: differs where arguments are expanded"


def check_gradients(kernel: Kernel) -> None:
    """First and second derivatives agree with finite differences, in float64.

    The second ones along directions that are drawn, which an entry that is wrong shows in too.
    """
    for case in kernel.cases:
        function, inputs = _of_floats(kernel, case)
        found = results(function(*inputs))
        if all(t.numel() for t in (*inputs, *found)):
            torch.autograd.gradcheck(function, inputs)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                for f in (function, _squared(function)):  # the latter's gradients depend on x
                    torch.autograd.gradgradcheck(f, inputs, fast_mode=True)
        else:
            total = torch.stack([y.sum() for y in found]).sum()
            for x, g in zip(inputs, torch.autograd.grad(total, inputs), strict=True):
                assert g.shape == x.shape, f"{case}: gradient of shape {tuple(g.shape)}"


def check_forward_mode(kernel: Kernel) -> None:
    """Tangents through the kernel, its compiled form and its bare op agree or raise."""
    function, inputs = _of_floats(kernel, "usual")
    inputs = tuple(x.detach() for x in inputs)
    reference, _ = _of_floats(kernel, "usual", kernel.reference)
    directions = tuple(torch.linspace(1, 2, x.numel()).to(x).reshape(x.shape) for x in inputs)
    expected = results(torch.func.jvp(reference, inputs, directions)[1])
    assert all(y.abs().max() > 0 for y in expected), "the example's tangents should not vanish"
    bare, _ = _of_floats(kernel, "usual", kernel.op)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")

    def dual(f: Callable[..., Any]) -> Callable[[], tuple[Tensor | None, ...]]:
        def run() -> tuple[Tensor | None, ...]:
            with forward_ad.dual_level():
                pairs = [forward_ad.make_dual(*p) for p in zip(inputs, directions, strict=True)]
                tangents = [forward_ad.unpack_dual(y).tangent for y in results(f(*pairs))]
                return tuple(None if t is None else t.clone() for t in tangents)

        return run

    for name, run in {
        "func.jvp": lambda: torch.func.jvp(function, inputs, directions)[1],
        "dual numbers": dual(function),
        "the bare op": dual(bare),
        "torch.compile": dual(compiled),
    }.items():
        try:
            tangents = results(run())
        except (NotImplementedError, RuntimeError):
            assert name not in ("func.jvp", "dual numbers"), f"{name} raises"
            continue
        for tangent, y in zip(tangents, expected, strict=True):
            assert tangent is not None, f"{name}: a silent zero for a tangent"
            error = (tangent - y).abs().max()
            assert error <= 1e-12 * y.abs().max(), f"{name}: tangent off by {error}"


def check_transforms(kernel: Kernel) -> None:
    """`torch.func`: vmap and Hessian-vector products agree with the reference."""
    function, inputs = _of_floats(kernel, "usual")
    reference, _ = _of_floats(kernel, "usual", kernel.reference)
    inputs = tuple(x.detach() for x in inputs)
    batch = tuple(torch.stack([x, 2 * x, -x]) for x in inputs)
    rows = [results(reference(*(x[i] for x in batch))) for i in range(3)]
    together = results(torch.func.vmap(function)(*batch))
    for i, found in enumerate(together):
        one_by_one = torch.stack([row[i] for row in rows])
        error = (found - one_by_one).abs().max()
        assert error <= 1e-12 * one_by_one.abs().max(), f"vmap is off by {error}"

    def curvature(f: Callable[..., Any]) -> Tensor:
        def cubes(x: Tensor) -> Tensor:
            return torch.stack([y.pow(3).sum() for y in results(f(x, *inputs[1:]))]).sum()

        gradient = torch.func.grad(cubes)
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
            expected = kernel.run(*args)
        for count in (2, 3):
            with threads.always(count):
                assert _same(kernel.run(*args), expected), f"{case}: {count} threads differ"


def check_nan(kernel: Kernel) -> None:
    """A NaN reaches the entries that it reaches in the reference, and no others."""
    args = kernel.example(torch.float32, torch.int32, "usual")
    for position, x in enumerate(args):
        if isinstance(x, Tensor) and x.is_floating_point():
            spoilt = x.clone()
            spoilt[0] = float("nan")
            changed = (*args[:position], spoilt, *args[position + 1 :])
            found, expected = (
                tuple(y.isnan() for y in results(face(*changed)))
                for face in (kernel.cpu, kernel.reference)
            )
            assert _same(found, expected), "a NaN is lost or spreads"
            assert not all(y.all() for y in expected), "the example should have rows without a NaN"


def check_registration(kernel: Kernel) -> None:
    """`torch.library.opcheck`: schema, fake tensor, autograd, dynamic shapes."""
    for case in kernel.cases:
        args = kernel.example(torch.float32, torch.int64, case)
        torch.library.opcheck(kernel.op, args)
        faces = (results(face(*args)) for face in (kernel.fake, kernel.cpu))
        for fake, real in zip(*faces, strict=True):
            assert (fake.shape, fake.dtype) == (real.shape, real.dtype), f"{case}: fake differs"


def check_compile(kernel: Kernel) -> None:
    """`torch.compile` in one graph, with the same values and gradients."""
    torch.compiler.reset()  # or what other kernels compiled here would count as recompilations
    function, inputs = _of_floats(kernel, "usual")
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    expected, found = results(function(*inputs)), results(compiled(*inputs))
    assert _same(found, expected), "compiled values differ"

    def weighted(y: Tensor) -> Tensor:
        return (y * torch.linspace(1, 2, y.numel()).to(y).reshape(y.shape)).sum()

    pairs = [
        torch.autograd.grad(torch.stack([weighted(y) for y in ys]).sum(), inputs)
        for ys in (found, expected)
    ]
    assert _same(*pairs), "compiled gradients differ"


def check_export(kernel: Kernel) -> None:
    """`torch.export` sees one op; the program survives saving and loading."""

    class Module(nn.Module):
        def forward(self, args: list[Any]) -> Any:
            return kernel.run(*args)

    args = list(kernel.example(torch.float32, torch.int64, "usual"))
    program = torch.export.export(Module(), (args,))
    targets = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert [t for t in targets if t is not getitem] == [kernel.op], f"expected one op: {targets}"
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    again = torch.export.load(buffer).module()
    assert _same(again(args), kernel.run(*args)), "the exported program differs"


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


def results(found: Any) -> tuple[Any, ...]:
    """Of an op, one or several, as a tuple."""
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def _same(found: Any, expected: Any) -> bool:
    """Whether all results are equal, bitwise."""
    return all(torch.equal(a, b) for a, b in zip(results(found), results(expected), strict=True))


def _tensors(args: Args) -> tuple[Tensor, ...]:
    return tuple(a for a in tree_leaves(args) if isinstance(a, Tensor))


def _squared(function: Callable[..., Any]) -> Callable[..., Tensor]:
    return lambda *inputs: torch.stack([y.square().sum() for y in results(function(*inputs))]).sum()


def _cast(args: Args, dtype: torch.dtype) -> Args:
    return tuple(
        a.to(dtype) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args
    )


def _within(found: Any, exact: Any, bound: Any, dtype: torch.dtype, where: str) -> None:
    for one in zip(results(found), results(exact), results(bound), strict=True):
        _one_within(*one, dtype, where)


def _one_within(y: Tensor, exact: Tensor, bound: Tensor, dtype: torch.dtype, where: str) -> None:
    assert y.dtype == dtype, f"{where}: result of type {y.dtype}"
    assert y.shape == exact.shape, f"{where}: expected {tuple(exact.shape)}, got {tuple(y.shape)}"
    # `exact` itself is rounded in float64, which matters where the face is float64 as well
    bound = bound * (1 + 1e-6) + (bound if dtype == torch.float64 else 0)
    error = (y.double() - exact).abs()
    assert bool((error <= bound).all()), f"{where}: error {error.max():.2e} beyond the bound"


def _of_floats(
    kernel: Kernel, case: str, face: Callable[..., Any] | None = None
) -> tuple[Callable[..., Any], tuple[Tensor, ...]]:
    """A face as a function of its floating-point arguments, and those arguments in float64."""
    args = kernel.example(torch.float64, torch.int64, case)
    places = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.is_floating_point()]
    chosen = kernel.run if face is None else face

    def function(*inputs: Tensor) -> Any:
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
