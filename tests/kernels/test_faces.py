"""Every kernel under every check of faces, and sabotaged kernels that each must fail theirs."""

import dataclasses

import pytest
import torch

from geomdl.kernels import all_kernels
from geomdl.kernels.neighbors import KERNEL, neighbor_sum
from geomdl.kernels.op import Kernel, register
from geomdl.kernels.testing import CHECKS, check_faces

KERNELS = {kernel.name: kernel for kernel in all_kernels()}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", KERNELS)
def test_faces(name, check):
    CHECKS[check](KERNELS[name])


def altered(name, kind=Kernel, **changes):
    """neighbor_sum with parts replaced, as an op of its own."""
    parts = {f.name: getattr(KERNEL, f.name) for f in dataclasses.fields(Kernel) if f.init}
    return kind(**{**parts, "name": name, "namespace": "geomdl_sabotage", **changes})


def test_an_unaltered_copy_passes():
    check_faces(altered("copy"))


class BareOp(Kernel):
    """Always the op, as torch.library.custom_op alone would have it, without the refusal."""

    def run(self, *args):
        return self.op(*args)

    def _refuse_tangents(self, args):
        pass


class RefusesCompiled(Kernel):
    """Leaves the refusal out: the bare op has a silent zero."""

    def _refuse_tangents(self, args):
        pass


class LooksAtData(Kernel):
    """Cannot be compiled in one graph."""

    def run(self, x, *rest):
        return super().run(x, *rest) if x.sum() < 1e9 else x


class PlainTorch(Kernel):
    """Is not the op at all."""

    def run(self, *args):
        return self.reference(*args)


def wrong_backward(ctx, gradient):
    ptr, index, out_ptr, out_index = ctx.saved_tensors
    return 2 * neighbor_sum(gradient, out_ptr, out_index, ptr, index), None, None, None, None


def first_order_only(ctx, gradient):
    ptr, index, out_ptr, out_index = ctx.saved_tensors
    return KERNEL.cpu(gradient, out_ptr, out_index, ptr, index), None, None, None, None


def without_last_row(x, *rest):
    y = KERNEL.cpu(x, *rest)
    y[-2:] = 0
    return y


def blind_to_strides(x, *rest):
    return KERNEL.cpu(torch.as_strided(x, x.shape, x.new_empty(x.shape).stride()), *rest)


def scribbles(x, *rest):
    y = KERNEL.cpu(x, *rest)
    if not x.is_contiguous() and x.numel():
        x.zero_()
    return y


def wrong_fake(x, ptr, index, out_ptr, out_index):
    return x.new_empty(ptr.shape[0], *x.shape[1:])


def sums_in_half(x, *rest):
    if x.dtype not in (torch.bfloat16, torch.float16):
        return KERNEL.cpu(x, *rest)
    zeros = x.new_zeros(rest[0].shape[0] - 1, *x.shape[1:])
    rows = torch.repeat_interleave(rest[0].diff().long())
    return zeros.index_add(0, rows, x[rest[1]])


def depends_on_threads(x, *rest):
    y = KERNEL.cpu(x, *rest)
    return y if torch.get_num_threads() == 1 else y * (1 + 1e-6)


def spreads_nan(x, *rest):
    return KERNEL.cpu(x, *rest) + 0 * x.sum().nan_to_num(nan=torch.nan).to(x)


def swallows_nan(x, *rest):
    return KERNEL.cpu(x, *rest).nan_to_num()


def refuses_empty(x, *rest):
    assert x.shape[0] > 0
    return KERNEL.cpu(x, *rest)


SABOTEURS = {
    "wrong_backward": ("gradients", {"backward": wrong_backward}),
    "first_order_only": ("gradients", {"backward": first_order_only}),
    "without_last_row": ("values", {"cpu": without_last_row}),
    "blind_to_strides": ("strides", {"cpu": blind_to_strides}),
    "scribbles": ("strides", {"cpu": scribbles}),
    "silent_zero": ("forward mode", {"kind": BareOp}),
    "silent_zero_of_the_op": ("forward mode", {"kind": RefusesCompiled}),
    "no_transforms": ("transforms", {"kind": BareOp}),
    "wrong_fake": ("registration", {"fake": wrong_fake}),
    "looks_at_data": ("compile", {"kind": LooksAtData}),
    "not_one_op": ("export", {"kind": PlainTorch}),
    "sums_in_half": ("half precision", {"cpu": sums_in_half}),
    "depends_on_threads": ("threads", {"cpu": depends_on_threads}),
    "spreads_nan": ("nan", {"cpu": spreads_nan}),
    "swallows_nan": ("nan", {"cpu": swallows_nan}),
    "refuses_empty": ("values", {"cpu": refuses_empty}),
}


@pytest.mark.parametrize("name", SABOTEURS)
def test_saboteurs_fail(name):
    check, changes = SABOTEURS[name]
    kernel = altered(name, **changes)
    with pytest.raises(Exception):  # noqa: B017, PT011 - torch's own checks raise their own kinds
        CHECKS[check](kernel)


def test_a_saboteur_fails_by_name():
    with pytest.raises(AssertionError, match=r"late_row: values: usual, torch\.float32"):
        check_faces(altered("late_row", cpu=without_last_row))


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="'neighbor_sum' is taken"):
        register(KERNEL)
