"""`geomdl export`: a trained network for those who do not have geomdl."""

import argparse
import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomdl.cli.audit_command import sizes

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ENDINGS = {".pt": "plain", ".pth": "plain", ".onnx": "onnx", ".pt2": "torch"}
"""Format of a file by its ending."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "export",
        help="write a checkpoint as plain PyTorch, ONNX or torch.export",
        description="Write a trained network so that it runs without geomdl: as an ordinary"
        " nn.Module, as ONNX, or as an exported program. The file is read again and compared with"
        " the network. Exit code 0: they agree; 1: they do not; 2: bad input. They agree when"
        " outputs for two random inputs differ by at most 1e-5 of the largest (float32; 1e-12 in"
        " float64, four roundings in half precision). A right file differs by rounding alone, some"
        " 1e-7 in float32, more in deep networks and where outputs cancel.",
    )
    command.add_argument("checkpoint", metavar="CHECKPOINT", help="a file that geomdl.save wrote")
    command.add_argument(
        "--output", required=True, metavar="FILE", help="where to write it: .pt, .onnx or .pt2"
    )
    command.add_argument(
        "--format",
        choices=tuple(dict.fromkeys(ENDINGS.values())),
        help="plain: torch.load(FILE, weights_only=False) gives a module of torch.nn; onnx; torch:"
        " torch.export.load(FILE); default by the ending of FILE",
    )
    command.add_argument(
        "--shape",
        nargs="+",
        type=sizes,
        metavar="N",
        help="of one input, channels first, where the network takes any: 1 28 28",
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export, compare, and tell by the exit code."""
    import torch

    import geomdl

    path = Path(arguments.output)
    kind = arguments.format or format_of(path)
    if not path.parent.is_dir():
        raise ValueError(f"--output: there is no folder {str(path.parent)!r}")
    if path.is_dir():
        raise ValueError(f"--output: should be a file, {arguments.output!r} is a folder")
    model = geomdl.load(arguments.checkpoint).eval()
    shape = None if arguments.shape is None else [n for part in arguments.shape for n in part]
    x = example(model, shape)
    if kind == "onnx" and x.dtype != torch.float32:
        name = str(x.dtype).removeprefix("torch.")
        raise ValueError(
            f"--format: onnx needs a network in float32, this one is in {name}; save model.float()"
        )
    with torch.no_grad():
        wanted = model(x)
    data = DATA[kind](plain(model, kind), x)
    gap = difference(READ[kind](data, x), wanted)
    bound = tolerance(wanted.dtype)
    if not gap <= bound:
        print(
            f"the {kind} form gives other outputs than the network: they differ by {gap:.1e}, more"
            f" than {bound:.0e} of the largest"
        )
        return 1
    path.write_bytes(data)
    print(f"{path}: {kind}, {len(data) / 1e6:.2f} MB, relative difference {gap:.1e}")
    return 0


def format_of(path: Path) -> str:
    """Format by the ending of a file.

    Example:
        >>> format_of(Path("net.onnx"))
        'onnx'
    """
    if path.suffix not in ENDINGS:
        raise ValueError(
            f"--output: should end in {', '.join(ENDINGS)}, or give --format; got {str(path)!r}"
        )
    return ENDINGS[path.suffix]


def example(model: "nn.Module", shape: list[int] | None) -> "Tensor":
    """Two random inputs.

    Args:
        model: with a ``source`` and a ``shape``, or
        shape: of one input, channels first.

    Raises:
        ValueError: the shape is neither known nor given, or the model does not take it.
    """
    import torch

    from geomdl.fields import Field, Grid

    source, own = getattr(model, "source", None), getattr(model, "shape", None)
    if shape is None:
        if not isinstance(source, Field):
            raise ValueError("--shape: should be given, the network does not declare one input")
        if isinstance(source.domain, Grid) and own is None:
            raise ValueError("--shape: should be given, the network takes any size")
        shape = [source.channels, *(own or ())]
    floats = (p.dtype for p in model.parameters() if p.is_floating_point())
    dtype = next(floats, torch.get_default_dtype())
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, *shape, generator=rng, dtype=torch.float64).to(dtype)
    try:
        with torch.no_grad():
            model(x)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"--shape: the network does not take {shape} ({error})") from error
    return x


def plain(model: "nn.Module", kind: str) -> "nn.Module":
    """The plain form; the model itself where it has none and the format does without."""
    from geomdl.steerable.plain import to_plain

    try:
        return to_plain(model)
    except ValueError:
        if kind == "plain":
            raise
        return model


def difference(found: "Tensor", wanted: "Tensor") -> float:
    """Largest difference relative to the largest output; infinite for other shapes."""
    if found.shape != wanted.shape:
        return float("inf")
    gap, scale = (found.double() - wanted.double()).abs().max(), wanted.double().abs().max()
    return float(gap / scale.clamp(min=1e-300))


def tolerance(dtype: "torch.dtype") -> float:
    """What rounding may change of the largest output; a file that differs by more is wrong.

    Example:
        >>> import torch
        >>> tolerance(torch.float32), tolerance(torch.bfloat16)
        (1e-05, 0.03125)
    """
    import torch

    bounds = {torch.float64: 1e-12, torch.float32: 1e-5}
    return bounds.get(dtype, 4 * torch.finfo(dtype).eps)


def module_data(model: "nn.Module", x: "Tensor") -> bytes:
    """The pickled module."""
    import torch

    file = io.BytesIO()
    torch.save(model, file)
    return file.getvalue()


def program_data(model: "nn.Module", x: "Tensor") -> bytes:
    """The exported program, for batches of any size where the network allows it."""
    import torch

    file = io.BytesIO()
    with _quiet():
        program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # paths on this machine
        torch.export.save(program, file)
    return file.getvalue()


def onnx_data(model: "nn.Module", x: "Tensor") -> bytes:
    """The ONNX graph, for batches of any size where the network allows it."""
    import torch

    _need("onnx", "onnxscript", "onnxruntime")
    batch = {0: torch.export.Dim.AUTO}
    with _quiet():
        program = torch.onnx.export(
            model,
            (x,),
            dynamo=True,
            verbose=False,
            input_names=["x"],
            output_names=["y"],
            dynamic_shapes=(batch,),
        )
    assert program is not None
    for node in program.model.graph:
        node.metadata_props.clear()  # among them paths on this machine
    data: bytes = program.model_proto.SerializeToString()
    return data


def run_module(data: bytes, x: "Tensor") -> "Tensor":
    """Outputs of a pickled module."""
    import torch

    with torch.no_grad():
        return torch.load(io.BytesIO(data), weights_only=False)(x)  # type: ignore[no-any-return]


def run_program(data: bytes, x: "Tensor") -> "Tensor":
    """Outputs of an exported program."""
    import torch

    with torch.no_grad():
        return torch.export.load(io.BytesIO(data)).module()(x)  # type: ignore[no-any-return]


def run_onnx(data: bytes, x: "Tensor") -> "Tensor":
    """Outputs of an ONNX graph."""
    import onnxruntime  # type: ignore[import-untyped]
    import torch

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


DATA = {"plain": module_data, "onnx": onnx_data, "torch": program_data}
READ = {"plain": run_module, "onnx": run_onnx, "torch": run_program}


def _need(*packages: str) -> None:
    """Refuse to go on without some packages, and say how to get them."""
    from importlib.util import find_spec

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ImportError(f"onnx: needs {', '.join(missing)}; pip install geomdl-torch[export]")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' own warnings and notes to themselves."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
