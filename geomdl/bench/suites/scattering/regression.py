"""Ridge regression on top of the counts of atoms, linear and with products of coefficients."""

import math

import torch
from torch import Tensor

PRODUCTS = 20  # principal components that are multiplied with each other
STRENGTHS = tuple(10.0**k for k in range(-12, -2))
# Of 10, 20, 40 and 60 components 10 and 20 were as good as each other, and better than more, with
# 1,200 training molecules.


def composition(counts: Tensor, y: Tensor, train: Tensor) -> Tensor:
    """Least squares on the counts of atoms.

    Args:
        counts: with a constant, shape (n, elements + 1), float64.
        y: shape (n,) or (n, numbers).
        train: places of the training samples.

    Returns:
        Its predictions for all samples, of the shape of ``y``. Elements that no training sample
        has count for nothing.
    """
    seen = y[train].reshape(len(train), -1)
    w = torch.linalg.lstsq(counts[train], seen, driver="gelsd").solution
    found: Tensor = (counts @ w).reshape(y.shape)
    return found


def ridge(x: Tensor, counts: Tensor, y: Tensor, train: Tensor, *, products: int = 0) -> Tensor:
    """Ridge regression on features, beside counts of atoms that are not penalised.

    min |y − C w − X v|² + α |v|²: what C explains is taken from y and X first, *exact*; α by
    leave-one-out errors on the training samples. X are the standardised features and, if asked for,
    the products of their first principal components, in the weights of the kernel
    (1 + ⟨x, z⟩ / d)²: the bilinear regression of Eickenberg et al. in its convex form.

    Args:
        x: features, shape (n, d), float64.
        counts: C, shape (n, elements + 1).
        y: shape (n,).
        train: places of the training samples.
        products: how many components are multiplied.

    Returns:
        Predictions for all samples, shape (n,).
    """
    from sklearn.linear_model import RidgeCV

    mean, deviation = x[train].mean(0), x[train].std(0)
    x = (x - mean) / torch.where(deviation > 0, deviation, 1) / math.sqrt(x.shape[1])
    if products:
        v = torch.linalg.svd(x[train], full_matrices=False).Vh[:products]
        p = x @ v.T
        i, j = torch.triu_indices(len(v), len(v))
        twice = torch.where(i == j, x.new_tensor(1.0), x.new_tensor(2.0).sqrt())
        x = torch.cat([math.sqrt(2) * x, twice * p[:, i] * p[:, j]], 1)
    base = composition(counts, y, train)
    x = x - composition(counts, x, train)
    alphas = [len(train) * strength for strength in STRENGTHS]
    model = RidgeCV(alphas, fit_intercept=False).fit(x[train].numpy(), (y - base)[train].numpy())
    return base + torch.from_numpy(model.predict(x.numpy()))
