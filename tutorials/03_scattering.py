r"""
Scattering: a network that nobody trained
=========================================

**The question.** A digit that is bent a little is the same digit. What representation of it changes
only a little as well, keeps what tells digits apart, and needs no training data to be found?

The Fourier modulus does not see shifts, but a tiny dilation moves its high frequencies far away.
Wavelets answer to *bands* of frequencies, so that a dilation moves nothing out of its band; their
modulus forgets where exactly, an average makes it invariant; and what the average lost is found by
wavelets of the modulus. That is a convolutional network of two layers whose filters are known.
"""

# %%
# The mathematics
# ---------------
#
# .. math:: S_0 x = x * \varphi, \qquad S_1 x = |x * \psi_\lambda| * \varphi, \qquad
#           S_2 x = |\,|x * \psi_\lambda| * \psi_\mu| * \varphi
#
# with a low-pass :math:`\varphi` of width :math:`2^J` and wavelets :math:`\psi_\lambda` of all
# scales below it. If the filters satisfy Littlewood–Paley,
# :math:`|\hat\varphi|^2 + \frac{1}{2} \sum_\lambda |\hat\psi_\lambda(\omega)|^2 +
# |\hat\psi_\lambda(-\omega)|^2 \leq 1`, then
#
# .. math:: \|S x - S y\| \leq \|x - y\|, \qquad
#           \|S\, T_c x - S x\| \leq C\, 2^{-J} |c|\, \|x\|, \qquad
#           \|S\, D_\tau x - S x\| \leq C\, \|\nabla \tau\|\, \|x\|.
#
# ``geomdl verify scattering*`` measures all three.

import math
import os

import matplotlib.pyplot as plt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import geomdl
from geomdl.interop.sklearn import ScatteringTransformer
from geomdl.scattering import Scattering1D, Scattering2D, ScatteringSpectra, bank_2d

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds

# %%
# Wavelets, in space and in frequency
# -----------------------------------
#
# A Morlet wavelet is a wave under a Gaussian. In frequency it is a bump away from zero; scales and
# directions tile the plane. First the real parts in space, one scale a row; then what all of them
# together let through. It is not flat; divided by its root (``frame="tight"``) the filters keep all
# energy.

J, L = 3, 8
bank = bank_2d((64, 64), J, L)
in_space = torch.fft.fftshift(torch.fft.ifft2(bank.psi).real, dim=(-2, -1))

figure_bank, axes = plt.subplots(J, L, figsize=(9, 3.5), layout="constrained")
for axis, wavelet in zip(axes.flat, in_space, strict=True):
    middle = wavelet[16:48, 16:48]
    top = float(middle.abs().max())
    axis.imshow(middle.numpy(), cmap="RdBu", vmin=-top, vmax=top)
    axis.axis("off")
figure_bank.suptitle("wavelets: directions along the rows, scales down")

figure_frame, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
shown = {
    "where each wavelet lives": torch.fft.fftshift(bank.psi.square().amax(0)),
    "Littlewood–Paley sum": torch.fft.fftshift(bank.littlewood_paley),
    "the same, tight": torch.fft.fftshift(bank.tight().littlewood_paley),
}
for axis, (title, values) in zip(axes, shown.items(), strict=True):
    picture = axis.imshow(values.numpy(), extent=(-0.5, 0.5, 0.5, -0.5), vmin=0, vmax=1.05)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("cycles a pixel")
figure_frame.colorbar(picture, ax=axes, shrink=0.8)

least, most = float(bank.littlewood_paley.min()), float(bank.littlewood_paley.max())
print(f"frame bounds: A = {least:.3f}, B = {most:.3f}")
assert float((bank.tight().littlewood_paley - 1).abs().max()) < 1e-12

# %%
# Coefficients as discs
# ---------------------
#
# With one place for the whole image, S₁ is a function of scale and direction: a disc whose sectors
# are directions and whose rings are frequencies. Each sector of it is divided anew for S₂.

digits = geomdl.data.load("digits")
image = torch.nn.functional.interpolate(digits["images"][[3, 7]].float(), (32, 32), mode="bicubic")
image = image[:, 0] / image.amax()
scattering = Scattering2D(J, (32, 32), L)
coefficients = scattering(image).mean((-2, -1))


def discs(values, first, second):
    """Draw one image's coefficients of order 1 and 2."""
    for order, axis in ((1, first), (2, second)):
        pairs = zip(scattering.paths, values, strict=True)
        chosen = [(path, float(value)) for path, value in pairs if path.order == order]
        top = max(v for _, v in chosen)
        for path, value in chosen:
            wide = math.pi / L
            ring, angle = J - 1 - path.j[0], path.orientation[0] * wide
            low, high = ring, ring + 1.0
            if order == 2:  # the ring is cut by scale, the sector by direction
                parts = J - 1 - path.j[0]
                low = ring + (J - 1 - path.j[1]) / parts
                high = low + 1 / parts
                angle, wide = angle + path.orientation[1] * wide / L, wide / L
            for half in (0, math.pi):
                colour = plt.cm.magma(value / top)
                axis.bar(angle + half, high - low, wide, low, align="edge", color=colour)
        axis.set_axis_off()
        axis.set_title(f"order {order}", fontsize=9)


figure_discs = plt.figure(figsize=(9, 5), layout="constrained")
for k in range(2):
    axis = figure_discs.add_subplot(2, 3, 3 * k + 1)
    axis.imshow(image[k].numpy(), cmap="gray_r")
    axis.axis("off")
    panels = [figure_discs.add_subplot(2, 3, 3 * k + n, projection="polar") for n in (2, 3)]
    discs(coefficients[k], *panels)

# %%
# Bending
# -------
#
# A wave packet of frequency ξ, dilated by half a percent. The change of the Fourier modulus grows
# with ξ; that of the scattering does not.

n, epsilon = 2048, 0.005
transform = Scattering1D(6, n, Q=4, padding="periodic", oversampling=1).double()
t = torch.arange(n, dtype=torch.float64) - n / 2


def packet(xi, scale=1.0):
    """cos(2π ξ t) under a Gaussian of 100 samples, with time dilated."""
    return torch.exp(-((t * scale / 100) ** 2) / 2) * torch.cos(2 * math.pi * xi * t * scale)


frequencies = torch.logspace(math.log10(0.02), math.log10(0.35), 5 if FAST else 15).tolist()
changes = {"Fourier modulus": [], "scattering": []}
for xi in frequencies:
    x, bent = packet(xi), packet(xi, 1 + epsilon)
    modulus = (torch.fft.fft(x).abs() - torch.fft.fft(bent).abs()).norm() / math.sqrt(n)
    s = transform(torch.stack([x, bent]))
    step = math.sqrt(n / s.shape[-1])
    changes["Fourier modulus"].append(float(modulus / (epsilon * x.norm())))
    changes["scattering"].append(float((s[0] - s[1]).norm() * step / (epsilon * x.norm())))

figure_bent, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for name, values in changes.items():
    axis.loglog(frequencies, values, "o-", label=name)
axis.set_xlabel("frequency ξ, cycles a sample")
axis.set_ylabel("change / (ε ‖x‖)")
axis.legend()
spread = {name: max(values) / min(values) for name, values in changes.items()}
print(f"greatest over least change: {spread['Fourier modulus']:.1f} and {spread['scattering']:.1f}")
assert spread["scattering"] < 2 < spread["Fourier modulus"]

# %%
# Few samples
# -----------
#
# Nothing was learned, so little data suffices: a linear classifier on scattering coefficients of
# UCI's digits, against the same classifier on pixels.

x, y = digits["images"].flatten(1).numpy(), digits["labels"].numpy()
rows = []
for count in (50, 200) if FAST else (50, 100, 200, 500, 1000):
    scores = []
    for front in ((), (ScatteringTransformer(J=3, shape=(28, 28)),)):
        pipe = make_pipeline(*front, StandardScaler(), LogisticRegression(max_iter=1000))
        scores.append(pipe.fit(x[:count], y[:count]).score(x[1000:], y[1000:]))
    rows.append((count, *scores))
    print(f"{count:5d} digits: pixels {100 * scores[0]:.1f} %, scattering {100 * scores[1]:.1f} %")

figure_few, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for column, name in ((1, "pixels"), (2, "scattering")):
    axis.semilogx([r[0] for r in rows], [1 - r[column] for r in rows], "o-", label=name)
axis.set_xlabel("training digits")
axis.set_ylabel("test error")
axis.legend()

# %%
# A texture from its spectra
# --------------------------
#
# Turned around: which images have *these* coefficients? ``ScatteringSpectra`` measures how wavelet
# coefficients and their moduli vary together, and ``synthesize`` walks from noise to an image that
# has the same numbers. Noise with the right power spectrum alone has no lines; they come back with
# the moduli.

size = 32 if FAST else 64
rng = torch.Generator().manual_seed(1)
texture = torch.zeros(size, size)
for _ in range(size // 3):  # sticks
    place, angle = (
        torch.rand(2, generator=rng) * size,
        math.pi * float(torch.rand(1, generator=rng)),
    )
    for r in torch.linspace(-size / 8, size / 8, size):
        u = (place + r * torch.tensor([math.sin(angle), math.cos(angle)])).long() % size
        texture[u[0], u[1]] = 1.0
spectra = ScatteringSpectra(3, (size, size), L=4)
made = spectra.synthesize(texture, steps=10 if FAST else 120, rng=rng, progress=False)[0]

phases = torch.fft.fft2(torch.randn(size, size, generator=rng))
clouds = torch.fft.ifft2(torch.fft.fft2(texture).abs() * phases / phases.abs()).real

figure_made, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
pictures = {"texture": texture, "same spectra": made, "same power spectrum": clouds}
for axis, (title, values) in zip(axes, pictures.items(), strict=True):
    low, high = float(values.quantile(0.01)), float(values.quantile(0.99))
    axis.imshow(values.numpy(), cmap="gray", vmin=low, vmax=high)
    axis.set_title(title, fontsize=10)
    axis.axis("off")
near, far = spectra.distance(texture, made), spectra.distance(texture, clouds)
print(f"distance of the statistics: {near:.3f}; with the power spectrum alone {far:.3f}")
assert near < far

# %%
# Exercises
# ---------
#
# 1. Set ``oversampling=J`` and ``frame="tight"`` with ``which="all"``. How much of the energy is in
#    order 2? Compare with ``geomdl verify scattering-energy``.
# 2. ``RotoTranslationScattering`` forgets the angle of an image, too. Which pairs of images can it
#    tell apart that the mean of S₁ over directions cannot?
# 3. Give ``learnable=True`` and train wavelets and classifier together on 1,000 digits. Which
#    wavelets move?
#
# **Read on.** Mallat, *Group invariant scattering*, 2012, arXiv:1101.2286; Bruna and Mallat,
# *Invariant scattering convolution networks*, 2013, arXiv:1203.1513; Cheng, Morel, Allys, Ménard
# and Mallat, *Scattering spectra models for physics*, 2023, arXiv:2306.17210.
