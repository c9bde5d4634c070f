"""Rows of channels as LLVM vectors: the innermost loops of `geomdl.kernels.interaction`.

They are written as vectors since as loops they would compare addresses each time, longer than they
compute. `intrinsics` makes the functions that the loops over edges call.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LANES = 16  # edges whose matrices are made at once
WIDTH = 64  # bytes of a vector; channels come in multiples of it
PIECE = 2  # vectors whose products with a gradient are added up before they are stored
DEGREE = 6  # components of a block of features: at most 2 · 6 + 1
_FLAGS = ("contract", "reassoc")


class _Rows:
    """Vectors in memory: arrays and numbers as LLVM sees them, in one type."""

    def __init__(self, context: Any, builder: Any, arrays: Any) -> None:
        from llvmlite import ir
        from numba.core import cgutils

        self.builder, self.ir = builder, ir
        self.cgutils: Any = cgutils  # untyped
        self.word = ir.IntType(64)
        self.bases = [context.make_array(kind)(context, builder, a).data for kind, a in arrays]
        self.number = context.get_data_type(arrays[0][0].dtype)
        self.lanes = WIDTH // context.get_abi_sizeof(self.number)
        self.align = context.get_abi_sizeof(self.number)
        self.vector = ir.VectorType(self.number, self.lanes)

    def constant(self, value: int) -> Any:
        return self.word(value)

    def place(self, base: Any, offset: Any) -> Any:
        pointer = self.builder.gep(base, [offset])
        return self.builder.bitcast(pointer, self.vector.as_pointer())

    def load(self, base: Any, offset: Any) -> Any:
        return self.builder.load(self.place(base, offset), align=self.align)

    def store(self, value: Any, base: Any, offset: Any) -> None:
        self.builder.store(value, self.place(base, offset), align=self.align)

    def fetch(self, base: Any, offset: Any, write: bool = False) -> None:
        """Have memory brought near that is used soon."""
        bits = self.ir.IntType(32)
        kind = self.ir.IntType(8).as_pointer()
        pointer = self.builder.bitcast(self.builder.gep(base, [offset]), kind)
        function = self.builder.module.declare_intrinsic(
            "llvm.prefetch",
            [kind],
            self.ir.FunctionType(self.ir.VoidType(), [kind, bits, bits, bits]),
        )
        self.builder.call(function, [pointer, bits(int(write)), bits(3), bits(1)])

    def spread(self, base: Any, offset: Any) -> Any:
        """One number in every lane."""
        value = self.builder.load(self.builder.gep(base, [offset]))
        empty = self.ir.Constant(self.vector, self.ir.Undefined)
        one = self.builder.insert_element(empty, value, self.ir.IntType(32)(0))
        zeros = self.ir.Constant(self.ir.VectorType(self.ir.IntType(32), self.lanes), None)
        return self.builder.shuffle_vector(one, empty, zeros)

    def times(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FLAGS)

    def plus(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=_FLAGS)

    def dot(self, terms: Any) -> Any:
        """Sum of products."""
        total = None
        for a, b in terms:
            product = self.times(a, b)
            total = product if total is None else self.plus(total, product)
        return total

    @property
    def zero(self) -> Any:
        return self.ir.Constant(self.vector, None)

    def variable(self, value: Any) -> Any:
        """A vector that changes, for `add`."""
        place = self.cgutils.alloca_once(self.builder, self.vector)
        self.builder.store(value, place)
        return place

    def add(self, variable: Any, a: Any, b: Any) -> None:
        """Variable += a b."""
        total = self.plus(self.builder.load(variable), self.times(a, b))
        self.builder.store(total, variable)

    def part(self, vector: Any, first: int, lanes: int) -> Any:
        """Lanes of a vector from the first on."""
        kind = self.ir.VectorType(self.ir.IntType(32), lanes)
        mask = self.ir.Constant(kind, [self.ir.IntType(32)(first + i) for i in range(lanes)])
        return self.builder.shuffle_vector(vector, vector, mask)

    def matrix_row(self, base: Any, offset: Any, k: Any, width: int) -> list[Any]:
        """Entries (k, i) of an edge's matrix, each in every lane."""
        first = self.builder.mul(k, self.word(width))
        entries = [self.builder.add(first, self.word(i)) for i in range(width)]
        return [self.spread(base, self.at(offset, self.times_of(LANES, e))) for e in entries]

    def gather(self, base: Any, offset: Any, k: Any, entries: list[Any]) -> None:
        """Entries (k, i) of a matrix of vectors += Σ a b."""
        first = self.builder.mul(k, self.word(len(entries)))
        for i, terms in enumerate(entries):
            entry = self.builder.add(first, self.word(i))
            place = self.at(offset, self.times_of(self.lanes, entry))
            self.store(self.plus(self.load(base, place), self.dot(terms)), base, place)

    def vectors(self, channels: Any) -> Any:
        """Loop over places in steps of a vector."""
        return self._loop(self.word(0), channels, self.lanes)

    def by_pieces(self, channels: Any) -> Iterator[list[Any]]:
        """Loops over places of `PIECE` vectors at once, then of the vectors that are left."""
        size = PIECE * self.lanes
        whole = self.times_of(self.builder.udiv(channels, self.word(size)), size)
        with self._loop(self.word(0), whole, size) as at:
            yield [self.at(at, self.word(v * self.lanes)) for v in range(PIECE)]
        with self._loop(whole, channels, self.lanes) as at:
            yield [at]

    def counted(self, count: Any) -> Any:
        """Loop over 0, …, count - 1."""
        return self._loop(self.word(0), count, 1)

    @contextmanager
    def _loop(self, start: Any, stop: Any, step: int) -> Iterator[Any]:
        each = self.word(step)
        with self.cgutils.for_range_slice(self.builder, start, stop, each) as (i, _):
            yield i

    def times_of(self, a: Any, b: Any) -> Any:
        """Product of places, of which either may be a plain number."""
        a, b = (self.word(c) if isinstance(c, int) else c for c in (a, b))
        return self.builder.mul(a, b)

    def at(self, *terms: Any) -> Any:
        """Sum of places."""
        total = terms[0]
        for term in terms[1:]:
            total = self.builder.add(total, term)
        return total


def _value(rows: _Rows, width: int, numbers: Any) -> None:
    """y_k += w Σ_i M_ki x_i."""
    m, x, w, y = rows.bases
    mo, xo, wo, yo, channels, step, count = numbers
    with rows.vectors(channels) as at:
        weight = rows.load(w, rows.at(wo, at))
        xs = [rows.load(x, rows.at(xo, at, rows.times_of(channels, i))) for i in range(width)]
        with rows.counted(count) as k:
            ms = rows.matrix_row(m, mo, k, width)
            place = rows.at(yo, at, rows.times_of(k, step))
            total = rows.times(weight, rows.dot(zip(ms, xs, strict=True)))
            rows.store(rows.plus(rows.load(y, place), total), y, place)


def _tangent(rows: _Rows, width: int, numbers: Any) -> None:
    """y_k += w Σ_i (M_ki hx_i + N_ki x_i) + hw Σ_i M_ki x_i, N the matrix of hs."""
    m, x, w, n, hx, hw, y = rows.bases
    mo, xo, wo, yo, channels, step, count = numbers
    with rows.vectors(channels) as at:
        weight, slope = (rows.load(base, rows.at(wo, at)) for base in (w, hw))
        places = [rows.at(xo, at, rows.times_of(channels, i)) for i in range(width)]
        xs, hs = ([rows.load(base, place) for place in places] for base in (x, hx))
        with rows.counted(count) as k:
            ms, ns = (rows.matrix_row(base, mo, k, width) for base in (m, n))
            place = rows.at(yo, at, rows.times_of(k, step))
            moved = rows.dot([*zip(ms, hs, strict=True), *zip(ns, xs, strict=True)])
            total = rows.dot([(weight, moved), (slope, rows.dot(zip(ms, xs, strict=True)))])
            rows.store(rows.plus(rows.load(y, place), total), y, place)


def _gradient(rows: _Rows, width: int, numbers: Any) -> None:
    """gx_i += w Σ_k M_ki g_k, gw = Σ_ki M_ki g_k x_i, gM_ki += w g_k x_i, a vector of channels."""
    m, x, w, g, gx, gw, gm = rows.bases
    mo, xo, wo, go, channels, step, count, gmo, soon = numbers
    for pieces in rows.by_pieces(channels):
        steps = []
        for at in pieces:
            rows.fetch(w, rows.at(soon, at))
            rows.fetch(gw, rows.at(soon, at), write=True)
            weight = rows.load(w, rows.at(wo, at))
            places = [rows.at(xo, at, rows.times_of(channels, i)) for i in range(width)]
            xs = [rows.load(x, place) for place in places]
            sums = [rows.variable(rows.load(gx, place)) for place in places]
            steps.append((at, weight, places, xs, sums, rows.variable(rows.zero)))
        with rows.counted(count) as k:
            ms = rows.matrix_row(m, mo, k, width)
            entries: list[list[Any]] = [[] for _ in range(width)]
            for at, weight, _, xs, sums, slope in steps:
                value = rows.load(g, rows.at(go, at, rows.times_of(k, step)))
                rows.add(slope, value, rows.dot(zip(ms, xs, strict=True)))
                weighted = rows.times(weight, value)
                for terms, total, entry, one in zip(entries, sums, ms, xs, strict=True):
                    terms.append((weighted, one))
                    rows.add(total, entry, weighted)
            rows.gather(gm, gmo, k, entries)
        for at, _, places, _, sums, slope in steps:
            for place, total in zip(places, sums, strict=True):
                rows.store(rows.builder.load(total), gx, place)
            rows.store(rows.builder.load(slope), gw, rows.at(wo, at))


def _second(rows: _Rows, width: int, numbers: Any) -> None:
    """Gradient of Σ_k g_k (tangent)_k in x, w and M; see `_tangent`."""
    m, x, w, n, hx, hw, g, gx, gw, gm = rows.bases
    mo, xo, wo, go, channels, step, count, gmo, soon = numbers
    for pieces in rows.by_pieces(channels):
        steps = []
        for at in pieces:
            rows.fetch(w, rows.at(soon, at))
            rows.fetch(hw, rows.at(soon, at))
            rows.fetch(gw, rows.at(soon, at), write=True)
            weight, turn = (rows.load(base, rows.at(wo, at)) for base in (w, hw))
            places = [rows.at(xo, at, rows.times_of(channels, i)) for i in range(width)]
            xs, hs = ([rows.load(base, place) for place in places] for base in (x, hx))
            sums = [rows.variable(rows.load(gx, place)) for place in places]
            steps.append((at, weight, turn, places, xs, hs, sums, rows.variable(rows.zero)))
        with rows.counted(count) as k:
            ms, ns = (rows.matrix_row(base, mo, k, width) for base in (m, n))
            entries: list[list[Any]] = [[] for _ in range(width)]
            for at, weight, turn, _, xs, hs, sums, slope in steps:
                value = rows.load(g, rows.at(go, at, rows.times_of(k, step)))
                moved = rows.dot([*zip(ms, hs, strict=True), *zip(ns, xs, strict=True)])
                rows.add(slope, value, moved)
                kept, turned = rows.times(weight, value), rows.times(turn, value)
                for i in range(width):
                    entries[i] += [(kept, hs[i]), (turned, xs[i])]
                    rows.add(sums[i], ns[i], kept)
                    rows.add(sums[i], ms[i], turned)
            rows.gather(gm, gmo, k, entries)
        for at, _, _, places, _, _, sums, slope in steps:
            for place, total in zip(places, sums, strict=True):
                rows.store(rows.builder.load(total), gx, place)
            rows.store(rows.builder.load(slope), gw, rows.at(wo, at))


def _axpy(rows: _Rows, width: int, numbers: Any) -> None:
    """One vector, y += c x."""
    y, x, c = rows.bases
    yo, xo, co = numbers
    product = rows.times(rows.spread(c, co), rows.load(x, xo))
    rows.store(rows.plus(rows.load(y, yo), product), y, yo)


def _clear(rows: _Rows, width: int, numbers: Any) -> None:
    """One vector, y = 0."""
    rows.store(rows.zero, rows.bases[0], numbers[0])


def _total(rows: _Rows, width: int, numbers: Any) -> None:
    """Sum of one vector x, a number y."""
    y, x = rows.bases
    vector, lanes = rows.load(x, numbers[1]), rows.lanes
    while lanes > 1:
        lanes //= 2
        halves = [rows.part(vector, first, lanes) for first in (0, lanes)]
        vector = rows.plus(*halves)
    builder = rows.builder
    number = builder.extract_element(vector, rows.ir.IntType(32)(0))
    builder.store(number, builder.gep(y, [numbers[0]]))


def _intrinsic(emit: Callable[[_Rows, int, Any], None], widths: tuple[int, ...]) -> Any:
    """A Numba function of (arrays, width, numbers) that emits this, one branch for each width."""
    from numba.core import types as kinds
    from numba.extending import intrinsic

    types: Any = kinds  # untyped

    @intrinsic
    def run(typing: Any, arrays: Any, width: Any, numbers: Any):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            values = [builder.extract_value(given[0], i) for i in range(len(arrays))]
            rows = _Rows(context, builder, list(zip(arrays.types, values, strict=True)))
            whole = [builder.extract_value(given[2], i) for i in range(len(numbers))]
            if len(widths) == 1:
                emit(rows, widths[0], whole)
                return context.get_dummy_value()
            end = builder.append_basic_block("end")
            switch = builder.switch(given[1], end)
            for case in widths:
                block = builder.append_basic_block(f"width{case}")
                switch.add_case(rows.constant(case), block)
                builder.position_at_end(block)
                emit(rows, case, whole)
                builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        return types.void(arrays, types.intp, types.UniTuple(types.intp, len(numbers))), generate

    return run


def intrinsics() -> dict[str, Any]:
    """What the loops over edges call, by name."""
    widths = tuple(2 * l + 1 for l in range(DEGREE + 1))
    emits = {"value": _value, "tangent": _tangent, "gradient": _gradient, "second": _second}
    single = {"axpy": _axpy, "clear": _clear, "total": _total}
    found = {name: _intrinsic(emit, widths) for name, emit in emits.items()}
    return found | {name: _intrinsic(emit, (1,)) for name, emit in single.items()}
