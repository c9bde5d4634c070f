r"""
More parameters than data
=========================

**The question.** A textbook has a curve like a U: a model with too few parameters is too stiff, one
with too many learns the noise, and the best lies between. Then people trained networks with a
hundred times more parameters than samples, fitted every label, noise and all, and they predicted
well. Is the U wrong?

It is half of the picture. We compute the other half exactly, see where the peak between them comes
from, take it away, and move it: a symmetry of the data shifts it by the order of the group.
"""

# %%
# The mathematics, in one curve
# -----------------------------
#
# Let :math:`y = \langle\theta, x\rangle + \sigma\xi` with D Gaussian coordinates, of which the
# model sees the first p, and fit n samples by least squares. If p > n there are many perfect fits;
# take the one of least norm. What is not seen acts as more noise, :math:`s^2 = \sigma^2 +
# |\theta'|^2`, and the mean of the inverse Wishart matrix, :math:`E (X^\top X)^{-1} = 1/(n-p-1)`,
# gives the mean risk for every size, with no limit taken:
#
# .. math:: R - |\theta'|^2 = \frac{s^2 p}{n - p - 1} \;(p < n - 1), \qquad
#           |\theta|^2 \left(1 - \frac{n}{p}\right) + \frac{s^2 n}{p - n - 1} \;(p > n + 1),
#
# and infinity between. We draw it, and then a few hundred experiments over it.

import itertools
import os

import matplotlib.pyplot as plt
import torch

import geomdl
from geomdl.generalization import (
    double_descent,
    invariance_gain,
    least_squares,
    optimal_ridge,
    plot_descent,
    ridge_risk,
)

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds
BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"

n, noise = 40, 0.3
widths = [4, 8, 14, 20, 26, 32, 36, 44, 48, 54, 64, 80, 100, 120]
curve = double_descent("gaussian", widths, n, seeds=100 if FAST else 400, noise=noise)
print(curve)
figure_curve = curve.plot()

# %%
# The points lie on the curve. The left branch goes up to infinity; the right one comes down from
# it, and ends *below* everything on the left: here all coordinates matter equally, so that a model
# that sees few of them is poor, and one that sees all pays for the noise by spreading it thin.
#
# Why the peak?
# -------------
#
# Look at one fit. Fifteen noisy samples of a smooth function, and waves
# :math:`\cos(\pi k x)/(k + 1)` to fit them: few, as many as samples, and very many.

rng = torch.Generator().manual_seed(1)
x = torch.rand(15, 1, generator=rng, dtype=torch.float64)
y = torch.sin(6 * x) + 0.2 * torch.randn(15, 1, generator=rng, dtype=torch.float64)
line = torch.linspace(0, 1, 400, dtype=torch.float64)[:, None]


def seen(points: torch.Tensor, p: int) -> torch.Tensor:
    """The first p waves, the faster ones lower."""
    k = torch.arange(p)
    return torch.cos(torch.pi * k * points) / (k + 1)


figure_fits, panels = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
for panel, p in zip(panels, (5, 15, 1500), strict=True):
    w = least_squares(seen(x, p), y)
    panel.plot(line, seen(line, p) @ w, color=BLUE)
    panel.plot(line, torch.sin(6 * line), color=GREY, ls="--", lw=1)
    panel.plot(x, y, "o", color=RED, ms=4)
    panel.set_title(f"{p} features, |w| = {float(w.norm()):.3g}", fontsize=10)
    panel.set_ylim(-2.5, 2.5)

# %%
# With 15 features there is exactly *one* perfect fit, and it must be taken, whatever its
# coefficients: look at their norm. With 1500 there is a whole space of perfect fits, and the one of
# least norm is calm. So it is not the number of parameters that does harm, but to have no choice.
# In numbers: the variance is the sum of :math:`1/s_i^2` over the singular values of the features,
# and it is a *square* random matrix whose smallest singular value is near zero.
#
# Take the peak away
# ------------------
#
# One number does it. Under a uniform prior the best ridge is :math:`\lambda = p s^2/|\theta|^2`,
# for every number of samples at once, and with it more features never harm: a theorem, the claim
# ``optimal-ridge`` of ``geomdl verify``.

total = max(widths)
every = range(1, total + 1)
parts = {p: ((p / total) ** 0.5, (1 - p / total) ** 0.5) for p in every}
best = [ridge_risk(n, p, optimal_ridge(p, noise, *parts[p]), noise, *parts[p]) for p in every]
figure_ridge, axes = plt.subplots(figsize=(6.8, 4), layout="constrained")
axes.plot(curve.at, curve.risk, "o", color=RED, ms=5, label="least norm, measured")
axes.plot(every, [ridge_risk(n, p, 0.0, noise, *parts[p]) for p in every], color=RED, alpha=0.5,
          label="least norm, exact")  # fmt: skip
axes.plot(every, best, color=BLUE, lw=2, label="best ridge, for large sizes")
axes.set(ylim=(0, 6), xlabel="features p", ylabel="mean risk", title=f"{n} samples")
axes.legend(frameon=False)
assert all(b <= a + 1e-9 for a, b in itertools.pairwise(best))

# %%
# Neurons drawn at random
# -----------------------
#
# So far a feature was a coordinate. Now it is a neuron with weights that nobody trains,
# relu(⟨w, x⟩), and only what goes out is fitted, by least squares: a network of one hidden layer,
# half asleep. The same two branches; the line is computed from the eigenvalues of the kernel that
# infinitely many such neurons make, without a network (`random_feature_risk`).

drawn = double_descent("relu", [10, 20, 40, 55, 70, 80, 95, 110, 160, 320, 800], 80, inputs=20,
                       seeds=20 if FAST else 100, noise=0.3)  # fmt: skip
print(drawn)
figure_drawn = drawn.plot()
assert drawn.peak == drawn.threshold

# %%
# The line holds within a few per cent, except close to the peak: there one sample more or less is a
# different matrix, and the mean of finitely many draws says little.
#
# Real digits, with noise in the labels
# -------------------------------------
#
# 8 × 8 pixels, ten classes, 200 samples; a tenth of the labels drawn anew. Random features of ReLU,
# least squares on the classes.

digits = geomdl.data.load("digits", size=None)
images = digits["images"] - digits["images"].mean()
data = (images.flatten(1), digits["labels"])
samples = 100 if FAST else 200
factors = (0.2, 0.5, 0.8, 1, 1.25, 2, 4, 10)
real = double_descent("relu", [int(f * samples) for f in factors], samples,
                      seeds=3 if FAST else 8, noise=0.1, data=data)  # fmt: skip
print(real)
assert real.wrong is not None
wrong = 100 * real.wrong.mean(1)
print("wrong answers in %:", [round(float(w), 1) for w in wrong])
figure_digits = real.plot()
assert real.peak == real.threshold

# %%
# The same picture, from data that nobody generated. At the threshold the model reads digits hardly
# better than a coin with ten sides; with ten times as many features it reads most of them.
#
# A symmetry moves the peak
# -------------------------
#
# Now average each feature over the symmetries of the square: eight neurons, one weight going out.
# The threshold counts *coefficients*, and the invariant ones are an eighth. How many they are is
# the mean of the traces of the group, so that one could know it beforehand:

D4 = geomdl.group("D4")
pixels = geomdl.Field(geomdl.Grid(2), D4.trivial)
gain = invariance_gain(D4, pixels, shape=(8, 8), degrees=4)
print(gain)

rep = geomdl.generalization.action_on(pixels, (8, 8))
neurons = 320
sizes = [20, 30, 40, 50, 80, 160, 240, 320, 400, 640]
common = {"seeds": 3 if FAST else 10, "noise": 0.1, "data": data, "test": 200}
plain = double_descent("relu", neurons, sizes, **common)
shared = double_descent("relu", neurons, sizes, rep=rep, **common)
print(f"{neurons} neurons: plain peak at n = {plain.peak:g}, invariant at n = {shared.peak:g}")
assert (plain.peak, shared.peak) == (neurons, neurons / 8)
figure_moved = plot_descent([plain, shared])

# %%
# Read it from left to right, along the *samples*: with 320 neurons, more data do harm up to n =
# 320. The invariant network has its worst n at 40, and is past it where the plain one suffers.
# (These digits stand upright, so that the symmetry is not even true of the data. The peak does not
# care: it is a matter of dimensions. What a *true* symmetry gains is the next tutorial.)
#
# Networks that learn their features
# ----------------------------------
#
# All weights trained, by Adam, until nothing moves. 50 samples, 8 inputs: a network of p neurons
# has 10 p + 1 weights. All seeds are trained at once, as one batch.

few = 40 if FAST else 50
learned = double_descent(
    "network", [1, 3, 5, 20] if FAST else [1, 2, 3, 4, 5, 6, 8, 12, 20, 60], few,
    seeds=4 if FAST else 8, noise=0.5, inputs=8, steps=150 if FAST else 1000,
)  # fmt: skip
print(learned)
figure_network = learned.plot()

# %%
# The smallest network is the best one here, for the target is a line; of the others, more neurons
# are not worse. A peak again, a little beyond the dotted line where weights are as many as samples:
# descent does not find every fit that exists. And along the epochs, for one wide network:

stops = [1, 3, 10, 30, 100] if FAST else [1, 3, 10, 20, 30, 60, 100, 200, 400, 800]
epochs = double_descent("epochs", stops, few, seeds=4 if FAST else 8, noise=0.5, inputs=8,
                        lr=3e-3)  # fmt: skip
figure_epochs, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
axes.errorbar(epochs.at, epochs.risk, yerr=epochs.error, fmt="o-", color=RED, label="test")
axes.plot(epochs.at, epochs.train_risk, "s--", color=GREY, label="training, with its noise")
axes.set(xscale="log", xlabel="epochs", ylabel="mean square")
axes.legend(frameon=False)

# %%
# The test risk is least long before the training risk is: to stop early is a ridge. For least
# squares this is a theorem with a number: at time t, gradient flow risks at most 1.69 times what
# ridge with :math:`\lambda = 1/t` does, whatever the data (claim ``early-stopping-ridge``).
#
# Exercises
# ---------
#
# 1. Set the noise to zero in the first picture. Is there still a peak, and why? (What is not seen
#    is noise too.) Then let ``inputs`` be ``p`` itself.
# 2. Show :math:`E\,\mathrm{tr}(X X^\top)^{-1} = n/(p-n-1)` for p > n + 1, and that for p = n + 1
#    the mean is infinite although the matrix is invertible with probability one.
# 3. Where is the peak of ten classes learned by *one* set of features, at n or at 10 n? And for a
#    network? Ask ``.threshold``.
# 4. Repeat the digits with noise 0 and 0.5. The claim ``label-noise`` says how the peak must grow.
# 5. Give the Gaussian coordinates ``rep=D4.regular``. At which p is the peak of 12 samples?
#
# **Read on.** Belkin, Hsu, Ma and Mandal, *Reconciling modern machine-learning practice and the
# classical bias-variance trade-off*, 2019, arXiv:1812.11118; Belkin, Hsu and Xu, *Two models of
# double descent for weak features*, 2020, arXiv:1903.07571; Hastie, Montanari, Rosset and
# Tibshirani, *Surprises in high-dimensional ridgeless least squares interpolation*, 2022,
# arXiv:1903.08560; Nakkiran, Venkat, Kakade and Ma, *Optimal regularization can mitigate double
# descent*, 2021, arXiv:2003.01897; Ali, Kolter and Tibshirani, *A continuous-time view of early
# stopping for least squares*, 2019, arXiv:1810.10082.
