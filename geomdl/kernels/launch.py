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

_SOURCE = """
def launch(address, cuts, codes, arguments):
    run_team(address, kernel, cuts, codes, arguments)
"""


def launcher(kernel: Any) -> Any:
    """The second entry of a Numba kernel, as plain Python: launch(address, cuts, codes, arguments).

    Calls kernel(cuts[i], cuts[i + 1], *arguments) for every share i on the threads of the library
    whose `GOMP_parallel` lies at `address`, and puts what it returns, a number, into codes[i].

    It counts as part of the kernel's own file, so that Numba's cache on disk forgets both together;
    its name holds a digest of this file, which makes it too.
    """
    file = inspect.getsourcefile(kernel.py_func) or "<kernel>"
    names = {"run_team": _intrinsic(), "kernel": kernel, "__name__": kernel.py_func.__module__}
    exec(compile(_SOURCE, file, "exec"), names)
    found = names["launch"]
    found.__qualname__ = f"launch_{kernel.py_func.__qualname__}_{_digest()}"
    found.__module__ = kernel.py_func.__module__
    return found


@cache
def _digest() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]


@cache
def _intrinsic() -> Any:
    from llvmlite import ir
    from numba.core import cgutils as utilities
    from numba.core import types
    from numba.extending import intrinsic

    cgutils: Any = utilities  # untyped

    @intrinsic
    def run_team(typing: Any, address: Any, kernel: Any, cuts: Any, codes: Any, arguments: Any):  # type: ignore[no-untyped-def]
        taken = (types.intp, types.intp, *arguments.types)
        called = kernel.get_call_type(typing, taken, {})
        result = kernel.dispatcher.get_compile_result(called)

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            context.active_code_library.add_linking_library(result.library)
            word, byte = ir.IntType(64), ir.IntType(8).as_pointer()
            zero, one = ir.Constant(word, 0), ir.Constant(word, 1)
            arrays = [
                context.make_array(signature.args[i])(context, builder, given[i]) for i in (2, 3)
            ]
            values = cgutils.unpack_tuple(builder, given[4])
            shares = cgutils.unpack_tuple(builder, arrays[1].shape)[0]
            parts = [zero, shares, arrays[0].data, arrays[1].data, *values]
            closure = cgutils.alloca_once(
                builder, ir.LiteralStructType([part.type for part in parts])
            )
            for i, part in enumerate(parts):
                builder.store(part, cgutils.gep_inbounds(builder, closure, 0, i))

            name = builder.module.get_unique_name(f"{builder.function.name}.share")
            body = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [byte]), name)
            body.linkage = "internal"
            inner = ir.IRBuilder(body.append_basic_block("entry"))
            held = inner.bitcast(body.args[0], closure.type)
            read = [
                inner.load(cgutils.gep_inbounds(inner, held, 0, i)) for i in range(1, len(parts))
            ]
            more, work, done = (body.append_basic_block(n) for n in ("more", "work", "done"))
            inner.branch(more)
            inner.position_at_end(more)
            counter = cgutils.gep_inbounds(inner, held, 0, 0)
            share = inner.atomic_rmw("add", counter, one, "monotonic")
            inner.cbranch(inner.icmp_signed("<", share, read[0]), work, done)
            inner.position_at_end(work)
            start = inner.load(inner.gep(read[1], [share]))
            stop = inner.load(inner.gep(read[1], [inner.add(share, one)]))
            _, code = context.call_internal_no_propagate(
                inner, result.fndesc, called, (start, stop, *read[3:])
            )
            if isinstance(called.return_type, types.Integer):
                code = context.cast(inner, code, called.return_type, types.int64)
                inner.store(code, inner.gep(read[2], [share]))
            inner.branch(more)
            inner.position_at_end(done)
            inner.ret_void()

            start_team = ir.FunctionType(
                ir.VoidType(), [body.type, byte, ir.IntType(32), ir.IntType(32)]
            )
            pointer = builder.inttoptr(given[0], start_team.as_pointer())
            threads = builder.trunc(shares, ir.IntType(32))
            builder.call(
                pointer,
                [body, builder.bitcast(closure, byte), threads, ir.Constant(ir.IntType(32), 0)],
            )
            return context.get_dummy_value()

        return types.void(types.int64, kernel, cuts, codes, arguments), generate

    return run_team
