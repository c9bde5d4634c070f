"""Finite networks in plain torch, in the NTK parametrisation: oracles of the infinite ones."""

import math

import torch
import torch.nn.functional as F

PHI = {
    "relu": torch.relu,
    "erf": torch.erf,
    "gelu": torch.nn.functional.gelu,
    "sin": torch.sin,
}


class Weights:
    """Draws parameters in order of use, and remembers them."""

    def __init__(self, rng):
        self.rng, self.all, self.at = rng, [], 0

    def __call__(self, *shape):
        if self.at == len(self.all):
            draw = torch.randn(*shape, generator=self.rng, dtype=torch.float64)
            self.all.append(draw.requires_grad_())
        self.at += 1
        return self.all[self.at - 1]


def dense(w, x, out, w_std, b_std):
    fan = x.shape[-1]
    return w_std / math.sqrt(fan) * x @ w(fan, out) + b_std * w(out)


def conv(w, x, out, w_std, b_std, padding):
    fan = x.shape[1] * 9
    kernel = w(out, x.shape[1], 3, 3) * (w_std / math.sqrt(fan))
    return _padded(x, kernel, padding) + b_std * w(out)[:, None, None]


def lift_c4(w, x, out, w_std, b_std, padding):
    """(n, c, h, w) -> (n, 4, out, h, w): copy r looks with the kernel turned r times."""
    kernel = w(out, x.shape[1], 3, 3) * (w_std / math.sqrt(x.shape[1] * 9))
    copies = [_padded(x, torch.rot90(kernel, r, (-2, -1)), padding) for r in range(4)]
    return torch.stack(copies, 1) + b_std * w(out)[:, None, None]


def group_conv_c4(w, x, out, w_std, b_std, padding):
    """Copy r reads copy r + k with the kernel k turned r times."""
    channels = x.shape[2]
    kernel = w(4, out, channels, 3, 3) * (w_std / math.sqrt(channels * 36))
    copies = []
    for r in range(4):
        turned = [torch.rot90(kernel[k], r, (-2, -1)) for k in range(4)]
        copies.append(sum(_padded(x[:, (r + k) % 4], turned[k], padding) for k in range(4)))
    return torch.stack(copies, 1) + b_std * w(out)[:, None, None]


def _padded(x, kernel, padding):
    if padding == "valid":
        return F.conv2d(x, kernel)
    mode = "circular" if padding == "circular" else "constant"
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), kernel)


def kernels(network, x, m, rng):
    """Outputs (n,) and the tangent kernel (n, n) of one random network of width m."""
    w = Weights(rng)
    network(w, x, m)
    w.at = 0
    out = network(w, x, m).flatten()
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(o, w.all, retain_graph=True)])
        for o in out
    ]
    jacobian = torch.stack(rows)
    return out.detach(), jacobian @ jacobian.T


def monte_carlo(network, x, m, draws, rng):
    """Outer products of outputs and tangent kernels of many networks: (draws, n, n) each."""
    both = [kernels(network, x, m, rng) for _ in range(draws)]
    outs, ntks = torch.stack([b[0] for b in both]), torch.stack([b[1] for b in both])
    return outs[:, :, None] * outs[:, None, :], ntks
