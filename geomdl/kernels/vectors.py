"""Exponentials, scaled sums and inner products of short rows, for compiled loops to call.

A loop over the 16 channels of a head would compare addresses, and then go by single numbers, each
time; these are LLVM vectors from the beginning. A loop takes them by
`Compiled(body, names=functions, source=vectors.__file__)`.
"""

from functools import cache
from typing import Any

import numpy as np

from geomdl.kernels.compiled import OPTIONS

WIDTH = 64  # bytes of a vector
_FLAGS = ("contract", "reassoc")


def exponentials_single(u):  # type: ignore[no-untyped-def]
    """Numbers u ≤ 0, float32, become exp(u); below -87 zero, where u is NaN that.

    exp(u) = 2^n exp(r), n = round(u / log 2), the latter a polynomial (Cephes, expf); relative
    error at most 2 eps.
    """
    one = np.float32
    for k in range(u.shape[0]):
        v = u[k]
        r = v if v > one(-87) else one(-87)
        n = np.int32(r * one(1.4426950408889634) - one(0.5))  # cuts off towards 0
        f = one(n)
        r = (r - f * one(0.693359375)) - f * one(-2.12194440e-4)
        q = one(1.9875691500e-4)
        q = q * r + one(1.3981999507e-3)
        q = q * r + one(8.3334519073e-3)
        q = q * r + one(4.1665795894e-2)
        q = q * r + one(1.6666665459e-1)
        q = q * r + one(5.0000001201e-1)
        q = (q * r) * r + r + one(1)
        y = q * np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)
        y = y if v >= one(-87) else one(0)
        u[k] = y if v == v else v


def exponentials_double(u):  # type: ignore[no-untyped-def]
    """The same for float64, by the library of C."""
    for k in range(u.shape[0]):
        u[k] = np.exp(u[k])


@cache
def functions() -> dict[str, Any]:
    """What the loops call; arrays are contiguous, and places in them those of flat memory.

    exponentials(u, n): the first n numbers u ≤ 0 become exp(u).
    sum_scaled(y, i, w, j, step, x, h, stride, index, first, last, n):
    y[i + c] = Σ_k w[j + k step] x[h + index[first + k] stride + c], c < n, k < last - first.
    add_products, of the same arguments:
    w[j + k step] += Σ_c y[i + c] x[h + index[first + k] stride + c].
    """
    import numba
    from llvmlite import ir
    from numba.core import cgutils as utilities
    from numba.core import types as kinds
    from numba.extending import intrinsic, overload

    cgutils: Any = utilities  # untyped
    types: Any = kinds
    word = ir.IntType(64)
    options: dict[str, Any] = OPTIONS | {"fastmath": {"contract"}}  # r is exact as it is written
    single, double = (
        numba.njit(**options)(body) for body in (exponentials_single, exponentials_double)
    )

    def exponentials(u, n):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    @overload(exponentials)
    def _exponentials(u, n):  # type: ignore[no-untyped-def]
        chosen = single if u.dtype == types.float32 else double

        def run(u, n):  # type: ignore[no-untyped-def]
            chosen(u.reshape(u.size)[:n])

        return run

    class Memory:
        """Where three arrays and an index lie."""

        def __init__(self, context: Any, builder: Any, signature: Any, given: Any) -> None:
            self.builder = builder
            places = {0: 1, 2: 3, 5: 6, 8: 9}  # those of y, w, x, index
            self.y, self.w, self.x, self.index = (
                builder.gep(
                    context.make_array(kind)(context, builder, given[which]).data, [given[at]]
                )
                for which, at in places.items()
                for kind in (signature.args[which],)
            )
            self.step, self.stride = given[4], given[7]
            self.count, self.n = builder.sub(given[10], given[9]), given[11]
            self.number = context.get_data_type(signature.args[0].dtype)
            self.bytes = context.get_abi_sizeof(self.number)

        def pieces(self) -> Any:
            """Loops over the n places, by vectors that become shorter."""
            start = word(0)
            for lanes in (WIDTH // self.bytes, 4, 1):
                stop = self.builder.and_(self.n, word(-lanes))
                loop = cgutils.for_range_slice(self.builder, start, stop, word(lanes))
                with loop as (c, _):
                    yield c, lanes
                start = stop

        def entries(self, c: Any, lanes: int) -> Any:
            """Loop over k: where w lies, and the vector of x."""
            loop = cgutils.for_range_slice(self.builder, word(0), self.count, word(1))
            with loop as (k, _):
                at = self.builder.load(self.builder.gep(self.index, [k]))
                at = at if at.type == word else self.builder.sext(at, word)
                place = self.builder.add(self.builder.mul(at, self.stride), c)
                weight = self.builder.gep(self.w, [self.builder.mul(k, self.step)])
                yield weight, self.load(self.x, place, lanes)

        def at(self, base: Any, place: Any, lanes: int) -> Any:
            pointer = self.builder.gep(base, [place])
            return self.builder.bitcast(pointer, ir.VectorType(self.number, lanes).as_pointer())

        def load(self, base: Any, place: Any, lanes: int) -> Any:
            return self.builder.load(self.at(base, place, lanes), align=self.bytes)

        def times(self, a: Any, b: Any) -> Any:
            return self.builder.fmul(a, b, flags=_FLAGS)

        def plus(self, a: Any, b: Any) -> Any:
            return self.builder.fadd(a, b, flags=_FLAGS)

        def spread(self, value: Any, lanes: int) -> Any:
            """One number in every lane."""
            empty = ir.Constant(ir.VectorType(self.number, lanes), ir.Undefined)
            one = self.builder.insert_element(empty, value, ir.IntType(32)(0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
            return self.builder.shuffle_vector(one, empty, zeros)

        def total(self, vector: Any, lanes: int) -> Any:
            """Sum of the lanes."""
            while lanes > 1:
                lanes //= 2
                kind = ir.VectorType(ir.IntType(32), lanes)
                halves = []
                for first in (0, lanes):
                    mask = ir.Constant(kind, [ir.IntType(32)(first + i) for i in range(lanes)])
                    halves.append(self.builder.shuffle_vector(vector, vector, mask))
                vector = self.plus(*halves)
            return self.builder.extract_element(vector, ir.IntType(32)(0))

    def sums(memory: Any) -> None:
        for c, lanes in memory.pieces():
            kind = ir.VectorType(memory.number, lanes)
            total = cgutils.alloca_once(memory.builder, kind)
            memory.builder.store(ir.Constant(kind, None), total)
            for weight, value in memory.entries(c, lanes):
                spread = memory.spread(memory.builder.load(weight), lanes)
                more = memory.plus(memory.builder.load(total), memory.times(spread, value))
                memory.builder.store(more, total)
            place = memory.at(memory.y, c, lanes)
            memory.builder.store(memory.builder.load(total), place, align=memory.bytes)

    def products(memory: Any) -> None:
        for c, lanes in memory.pieces():
            own = memory.load(memory.y, c, lanes)
            for weight, value in memory.entries(c, lanes):
                more = memory.total(memory.times(own, value), lanes)
                memory.builder.store(memory.plus(memory.builder.load(weight), more), weight)

    def made(emit: Any) -> Any:
        @intrinsic
        def run(  # type: ignore[no-untyped-def]
            typing: Any,
            y: Any,
            i: Any,
            w: Any,
            j: Any,
            step: Any,
            x: Any,
            h: Any,
            stride: Any,
            index: Any,
            first: Any,
            last: Any,
            n: Any,
        ):
            def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
                emit(Memory(context, builder, signature, given))
                return context.get_dummy_value()

            whole = types.intp
            taken = (y, whole, w, whole, whole, x, whole, whole, index, whole, whole, whole)
            return types.void(*taken), generate

        return run

    found = {"sum_scaled": made(sums), "add_products": made(products)}
    return found | {"exponentials": exponentials}
