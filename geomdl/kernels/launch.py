"""Run a compiled loop on torch's OpenMP threads without going back to Python.

A thread that has to ask for the interpreter's lock sleeps for it, tens of microseconds a loop. So a
kernel has a second entry, compiled beside it: it starts the parallel region itself and hands out
the shares.
"""

import hashlib
import inspect
from functools import cache
from pathlib import Path
from typing import Any

FAILED = -(1 << 63)  # code of a share that raised
_SOURCE = """
def launch(addresses, cuts, codes, arguments):
    run_team(addresses, kernel, cuts, codes, arguments)
"""


def launcher(kernel: Any) -> Any:
    """The second entry of a Numba kernel, as plain Python.

    launch(addresses, cuts, codes, arguments) calls kernel(cuts[i], cuts[i + 1], *arguments) for
    every share i on the threads of an OpenMP library, whose `GOMP_parallel`, `omp_get_thread_num`
    and `omp_get_num_threads` lie at the addresses, and puts what it returns, a number, into
    codes[i], `FAILED` where it raises. Share i is always thread i's, as in torch's own loops: what
    one has written lies in its core's cache when the next loop reads it.

    It counts as part of the kernel's own file, so that Numba's cache on disk forgets both together;
    its name holds a digest of this file, which makes it too.
    """
    file = inspect.getsourcefile(kernel.py_func) or "<kernel>"
    names = {"run_team": _intrinsic(), "kernel": kernel, "__name__": kernel.py_func.__module__}
    exec(compile(_SOURCE, file, "exec"), names)
    found = names["launch"]
    found.__qualname__ = f"launch_{kernel.py_func.__qualname__}_{digest(__file__)}"
    found.__module__ = kernel.py_func.__module__
    return found


@cache
def digest(file: str) -> str:
    """Eight hexadecimal digits of a source file, for names of what is compiled out of it."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:8]
    except OSError:  # installed without sources
        return "sourceless"


def _borrowed(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """An array without its owner: threads that count the same references wait for each other."""
    from numba.core import types

    if not isinstance(kind, types.Array):
        return value
    array = context.make_array(kind)(context, builder, value)
    array.meminfo = array.meminfo.type(None)
    array.parent = array.parent.type(None)
    return array._getvalue()


@cache
def _intrinsic() -> Any:
    from llvmlite import ir
    from numba.core import cgutils as utilities
    from numba.core import types
    from numba.extending import intrinsic

    cgutils: Any = utilities  # untyped

    @intrinsic
    def run_team(typing: Any, addresses: Any, kernel: Any, cuts: Any, codes: Any, arguments: Any):  # type: ignore[no-untyped-def]
        taken = (types.intp, types.intp, *arguments.types)
        called = kernel.get_call_type(typing, taken, {})
        result = kernel.dispatcher.get_compile_result(called)

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            context.active_code_library.add_linking_library(result.library)
            word, byte = ir.IntType(64), ir.IntType(8).as_pointer()
            int32, nothing = ir.IntType(32), ir.VoidType()
            start_region, thread_number, team_size = cgutils.unpack_tuple(builder, given[0])
            arrays = [
                context.make_array(signature.args[i])(context, builder, given[i]) for i in (2, 3)
            ]
            values = [
                _borrowed(context, builder, kind, value)
                for kind, value in zip(
                    arguments.types, cgutils.unpack_tuple(builder, given[4]), strict=True
                )
            ]
            shares = cgutils.unpack_tuple(builder, arrays[1].shape)[0]
            parts = [thread_number, team_size, shares, *(a.data for a in arrays), *values]
            types_of_parts = [part.type for part in parts]
            closure = cgutils.alloca_once(builder, ir.LiteralStructType(types_of_parts))
            for i, part in enumerate(parts):
                builder.store(part, cgutils.gep_inbounds(builder, closure, 0, i))

            name = builder.module.get_unique_name(f"{builder.function.name}.share")
            body = ir.Function(builder.module, ir.FunctionType(nothing, [byte]), name)
            body.linkage = "internal"
            entry, more, work, done = map(
                body.append_basic_block, ("entry", "more", "work", "done")
            )
            inner = ir.IRBuilder(entry)
            held = inner.bitcast(body.args[0], closure.type)
            number, size, shares, cut, code, *values = (
                inner.load(cgutils.gep_inbounds(inner, held, 0, i)) for i in range(len(parts))
            )
            ask = ir.FunctionType(int32, []).as_pointer()
            first, step = (
                inner.zext(inner.call(inner.inttoptr(at, ask), []), word) for at in (number, size)
            )
            inner.branch(more)
            inner.position_at_end(more)
            share = inner.phi(word)
            share.add_incoming(first, entry)
            inner.cbranch(inner.icmp_signed("<", share, shares), work, done)
            inner.position_at_end(work)
            start = inner.load(inner.gep(cut, [share]))
            stop = inner.load(inner.gep(cut, [inner.add(share, ir.Constant(word, 1))]))
            status, found = context.call_internal_no_propagate(
                inner, result.fndesc, called, (start, stop, *values)
            )
            if isinstance(called.return_type, types.Integer):
                found = context.cast(inner, found, called.return_type, types.int64)
            else:
                found = ir.Constant(word, 0)
            found = inner.select(status.is_error, ir.Constant(word, FAILED), found)
            inner.store(found, inner.gep(code, [share]))
            share.add_incoming(inner.add(share, step), inner.block)
            inner.branch(more)
            inner.position_at_end(done)
            inner.ret_void()

            region = ir.FunctionType(nothing, [body.type, byte, int32, int32]).as_pointer()
            data, threads = builder.bitcast(closure, byte), builder.trunc(parts[2], int32)
            start_region = builder.inttoptr(start_region, region)
            builder.call(start_region, [body, data, threads, ir.Constant(int32, 0)])
            return context.get_dummy_value()

        return types.void(addresses, kernel, cuts, codes, arguments), generate

    return run_team
