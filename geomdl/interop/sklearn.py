"""Scattering as a transformer of scikit-learn."""

import itertools
import math
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from geomdl.scattering import Scattering1D, Scattering2D
from geomdl.scattering.transform import check_number
from geomdl.scattering.two import sizes_of


class ScatteringTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn ships no types
    """Scattering coefficients of images or signals, as a step of a pipeline.

    Nothing is learned: `fit` looks at the shape alone. *Exact* as `Scattering2D` and
    `Scattering1D`.

    Args:
        J: log₂ of the greatest scale of the wavelets.
        shape: of one sample, (h, w) if the rows are flattened images; None: X of shape (n, h, w)
            are images, (n, t) signals.
        L: directions in the half circle (images).
        Q: wavelets an octave (signals).
        T: samples over which coefficients are averaged; 2^J if None; "global": all of them.
        order: greatest order, 0 to 3.
        padding: "reflect", "periodic", "zero" or "constant".
        frame: "morlet" or "tight".
        dtype: in which it is computed, and of the result, "float32" or "float64".
        batch_size: samples at once.

    Attributes:
        shape_: of one sample.
        scattering_: the transform.
        n_features_in_: samples of a signal, pixels of an image.
        feature_names_in_: names of the columns, if X is a table; tables must keep their order.

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
        shape: int | tuple[int, ...] | None = None,
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
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype: expected 'float32' or 'float64', got {self.dtype!r}")
        check_number("batch_size", self.batch_size, 1)
        given = None if self.shape is None else sizes_of(self.shape, 1, 2)
        x = self._checked(X, 2)
        if given is None and x.ndim > 3:
            raise ValueError(f"X: expected signals (n, t) or images (n, h, w), got {x.shape}")
        self.shape_ = x.shape[1:] if given is None else given
        self.n_features_in_ = math.prod(self.shape_)
        names = _names(X)
        self.__dict__.pop("feature_names_in_", None)  # of a table that was fitted before
        if names is not None:
            self.feature_names_in_ = names
        self._rows(x)
        options: dict[str, Any] = {
            "T": self.T, "order": self.order, "padding": self.padding, "frame": self.frame
        }  # fmt: skip
        if len(self.shape_) == 2:
            self.scattering_: Any = Scattering2D(self.J, self.shape_, self.L, **options)
        else:
            self.scattering_ = Scattering1D(self.J, self.shape_[0], self.Q, **options)
        self.scattering_.to(getattr(torch, self.dtype))
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Coefficients, shape (n, paths · counts).

        Raises:
            ValueError: values that are not finite, or of another shape than those of `fit`, or so
                large that coefficients overflow.
        """
        check_is_fitted(self, "scattering_")
        names, known = _names(X), getattr(self, "feature_names_in_", None)
        if names is not None and known is not None and not np.array_equal(names, known):
            raise ValueError(
                "X: The feature names should match those that were passed during fit, in their"
                " order"
            )
        x = torch.from_numpy(self._rows(self._checked(X)))
        at_once = check_number("batch_size", self.batch_size, 1)
        with torch.no_grad():
            found = torch.cat([self.scattering_(rows).flatten(1) for rows in x.split(at_once)])
        if not bool(found.isfinite().all()):
            raise ValueError(f"X: values so large that coefficients overflow in {self.dtype}")
        coefficients: NDArray[Any] = found.numpy()
        return coefficients

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names as S1_n3[0,1]: path, and place in the coarse grid.

        Args:
            input_features: names of the features of X, checked, without influence; or None.

        Raises:
            ValueError: `input_features` are not those of X.
        """
        check_is_fitted(self, "scattering_")
        if input_features is not None:
            known = getattr(self, "feature_names_in_", None)
            if known is not None and not np.array_equal(known, input_features):
                raise ValueError("input_features is not equal to feature_names_in_")
            if len(input_features) != self.n_features_in_:
                raise ValueError(
                    f"input_features should have length equal to number of features"
                    f" {self.n_features_in_}, got {len(input_features)}"
                )
        zero = torch.zeros(1, *self.shape_, dtype=getattr(torch, self.dtype))
        counts = self.scattering_(zero).shape[2:]
        places = [",".join(map(str, place)) for place in itertools.product(*map(range, counts))]
        names = [f"{name}[{place}]" for name in self.scattering_.names for place in places]
        return np.asarray(names, dtype=object)

    def _checked(self, X: ArrayLike, least: int = 1) -> NDArray[Any]:
        """Finite values, in the dtype of the result."""
        with np.errstate(over="ignore", invalid="ignore"):  # too large is refused as infinite
            found: NDArray[Any] = check_array(
                X, allow_nd=True, dtype=self.dtype, ensure_min_features=least, input_name="X"
            )
        return found

    def _rows(self, x: NDArray[Any]) -> NDArray[Any]:
        """Samples (n, *shape) that can be written to, as torch wants them."""
        if x.shape[1:] not in (self.shape_, (self.n_features_in_,)):
            raise ValueError(
                f"X has {math.prod(x.shape[1:])} features, but {type(self).__name__} is expecting"
                f" {self.n_features_in_} features as input, samples of shape {self.shape_}, got"
                f" {x.shape[1:]}"
            )
        return np.require(x, requirements=["C", "W"]).reshape(len(x), *self.shape_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [self.dtype]
        return tags


def _names(X: Any) -> NDArray[Any] | None:
    """Names of the columns of a table, or None."""
    names = list(getattr(X, "columns", ()))
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return np.asarray(names, dtype=object)
