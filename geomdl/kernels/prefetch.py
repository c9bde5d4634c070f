"""Have memory brought near before it is used: for loops that jump between rows."""

from functools import cache
from typing import Any

LINE = 64  # bytes that come at once
AHEAD = 12  # edges by which rows are asked for before they are added


def fetch_row(x: Any, row: int) -> None:
    """What stands for it where a loop runs as plain Python: nothing."""


@cache
def names() -> dict[str, Any]:
    """What a loop calls: fetch_row(x, j) for a contiguous array x, any j; nothing is read.

    Rows outside of the array do no harm.
    """
    from llvmlite import ir
    from numba.core import cgutils as utilities
    from numba.core import types
    from numba.extending import intrinsic

    cgutils: Any = utilities  # untyped

    @intrinsic
    def fetch(typing: Any, x: Any, row: Any):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, given[0])
            byte, word, bits = ir.IntType(8).as_pointer(), ir.IntType(64), ir.IntType(32)
            stride = cgutils.unpack_tuple(builder, array.strides, signature.args[0].ndim)[0]
            number = context.cast(builder, given[1], signature.args[1], types.int64)
            first = builder.ptrtoint(array.data, word)
            first = builder.add(first, builder.mul(number, stride))
            function = builder.module.declare_intrinsic(
                "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, bits, bits, bits])
            )
            with cgutils.for_range_slice(builder, word(0), stride, word(LINE)) as (offset, _):
                place = builder.inttoptr(builder.add(first, offset), byte)
                builder.call(function, [place, bits(0), bits(3), bits(1)])
            return context.get_dummy_value()

        return types.void(x, row), generate

    return {"fetch_row": fetch}
