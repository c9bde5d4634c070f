"""Scattering as a transformer of scikit-learn."""

import itertools
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from geomdl.scattering import Scattering1D, Scattering2D


class ScatteringTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn ships no types
    """Scattering coefficients of images or signals, as a step of a pipeline.

    Nothing is learned: `fit` looks at the shape alone. *Exact* as `Scattering2D` and
    `Scattering1D`.

    Args:
        J: log₂ of the greatest scale of the wavelets.
        shape: of one sample, if the rows are flattened images; None: X of shape (n, h, w) are
            images, (n, t) signals.
        L: directions in the half circle (images).
        Q: wavelets an octave (signals).
        T: samples over which coefficients are averaged; 2^J if None; "global": all of them.
        order: greatest order, 0 to 3.
        padding: "reflect", "periodic", "zero" or "constant".
        frame: "morlet" or "tight".
        dtype: of the result, "float32" or "float64".
        batch_size: samples at once.

    Attributes:
        shape_: of one sample.
        scattering_: the transform.
        n_features_in_: samples of a signal, pixels of an image.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> x, y = load_digits(return_X_y=True)
        >>> steps = ScatteringTransformer(J=1, shape=(8, 8)), StandardScaler(), LogisticRegression()
        >>> make_pipeline(*steps).fit(x[:500], y[:500]).score(x[500:], y[500:]) > 0.95
        True
    """

    def __init__(
        self,
        J: int = 2,
        shape: tuple[int, ...] | None = None,
        L: int = 8,
        Q: int = 1,
        T: int | Literal["global"] | None = None,
        order: int = 2,
        padding: str = "reflect",
        frame: str = "morlet",
        dtype: str = "float32",
        batch_size: int = 128,
    ) -> None:
        self.J = J
        self.shape = shape
        self.L = L
        self.Q = Q
        self.T = T
        self.order = order
        self.padding = padding
        self.frame = frame
        self.dtype = dtype
        self.batch_size = batch_size

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Look at the shape of samples (n, *shape) or (n, features).

        Raises:
            ValueError: values that are not finite, or a shape that does not fit.
        """
        x = self._checked(X)
        found = tuple(x.shape[1:])
        self.shape_ = found if self.shape is None else tuple(self.shape)
        if len(self.shape_) not in (1, 2):
            raise ValueError(f"X: expected signals (n, t) or images (n, h, w), got {x.shape}")
        self.n_features_in_ = int(np.prod(self.shape_))
        options: dict[str, Any] = {
            "T": self.T, "order": self.order, "padding": self.padding, "frame": self.frame
        }  # fmt: skip
        if len(self.shape_) == 2:
            self.scattering_: Any = Scattering2D(self.J, self.shape_, self.L, **options)
        else:
            self.scattering_ = Scattering1D(self.J, (self.shape_[0],), self.Q, **options)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype: expected 'float32' or 'float64', got {self.dtype!r}")
        self.scattering_.to(getattr(torch, self.dtype))
        self._rows(x)
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Coefficients, shape (n, paths · counts)."""
        check_is_fitted(self, "scattering_")
        x = torch.as_tensor(self._rows(self._checked(X)), dtype=getattr(torch, self.dtype))
        with torch.no_grad():
            parts = [self.scattering_(rows).flatten(1) for rows in x.split(self.batch_size)]
        found: NDArray[Any] = torch.cat(parts).numpy()
        return found

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names as S1_n3[0,1]: path, and place in the coarse grid."""
        check_is_fitted(self, "scattering_")
        zero = torch.zeros(1, *self.shape_, dtype=getattr(torch, self.dtype))
        counts = self.scattering_(zero).shape[2:]
        places = [",".join(map(str, place)) for place in itertools.product(*map(range, counts))]
        names = [f"{name}[{place}]" for name in self.scattering_.names for place in places]
        return np.asarray(names, dtype=object)

    @staticmethod
    def _checked(X: ArrayLike) -> NDArray[Any]:
        found: NDArray[Any] = check_array(X, allow_nd=True, dtype=[np.float64, np.float32])
        return found

    def _rows(self, x: NDArray[Any]) -> NDArray[Any]:
        if x.shape[1:] not in (self.shape_, (self.n_features_in_,)):
            raise ValueError(f"X: expected samples of shape {self.shape_}, got {x.shape[1:]}")
        return x.reshape(len(x), *self.shape_)
