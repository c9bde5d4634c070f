"""Layers of infinitely wide networks, as maps of covariances.

Every layer with weights that it shares over places is f'(p) = Σ_j W_j (A_j f)(p) + b with fixed
linear maps A_j of the places and independent Gaussian matrices W_j, so that

    K' = (w²/J) Σ_j A_j K A_jᵀ + b²,    Θ' = K' + (w²/J) Σ_j A_j Θ A_jᵀ.

Dense, convolutional, group-convolutional and graph layers differ in their A_j only.
"""

import math
from abc import ABC, abstractmethod

from torch import Tensor

from geomdl.fields.numbers import one_of
from geomdl.generalization.infinite.moments import NONLINEARITIES, gaussian_moments
from geomdl.generalization.infinite.state import VECTOR, Covariances, Map, Places
from geomdl.generalization.kernel_checks import nonnegative

SQRT2 = math.sqrt(2)


class Layer(ABC):
    """A layer of an infinitely wide network."""

    @abstractmethod
    def to(self, places: Places) -> Places:
        """Places of the output; a ValueError if the layer does not take such an input."""

    @abstractmethod
    def __call__(self, state: Covariances) -> Covariances:
        """Covariances of the output."""

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


class Weighted(Layer):
    """A layer with weights of variance w_std² / fan-in and biases of variance b_std².

    NTK parametrisation: the parameters themselves are standard normal, the factors w_std / √fan-in
    and b_std stand in the network.
    """

    def __init__(self, w_std: float = SQRT2, b_std: float = 0.0) -> None:
        self.w_std, self.b_std = nonnegative("w_std", w_std), nonnegative("b_std", b_std)

    @abstractmethod
    def spread(self, places: Places) -> Map:
        """The mean over j of A_j K A_jᵀ."""

    def __call__(self, state: Covariances) -> Covariances:
        places, mean = self.to(state.places), self.spread(state.places)
        w, b = self.w_std**2, self.b_std**2

        def forward(kernel: Tensor) -> Tensor:
            return w * mean(kernel) + b

        cross = forward(state.cross)
        tangent = cross + w * mean(state.tangent)
        left, right = forward(state.left), forward(state.right)
        return Covariances(places, cross, tangent, left, right, state.same, gaussian=True)


class Dense(Weighted):
    """Fully connected layer, or a 1×1 convolution where there are places: J = 1, A = 1.

    Args:
        w_std: standard deviation of the weights times √fan-in; √2 keeps the size through ReLU.
        b_std: standard deviation of the biases.

    Raises:
        ValueError: a negative number, or NaN.

    Example:
        >>> Dense(1.0, 0.1)
        Dense(w_std=1.0, b_std=0.1)
    """

    def to(self, places: Places) -> Places:
        """The same."""
        return places

    def spread(self, places: Places) -> Map:
        """The identity."""
        return lambda kernel: kernel


class Nonlinearity(Layer):
    """φ at every place: K' = E φ(u)φ(v), Θ' = Θ E φ'(u)φ'(v), see `gaussian_moments`.

    Args:
        name: "relu", "erf", "gelu" (torch's exact one) or "sin".

    Raises:
        ValueError: no closed form is known here; or, when called, the input is no Gaussian process:
            the layer should follow one with weights.

    Example:
        >>> Nonlinearity("tanh")
        Traceback (most recent call last):
        ValueError: nonlinearity: expected one of relu, erf, gelu, sin, got 'tanh'
    """

    def __init__(self, name: str = "relu") -> None:
        self.name: str = one_of("nonlinearity", name, NONLINEARITIES)

    def to(self, places: Places) -> Places:
        """The same."""
        return places

    def __call__(self, state: Covariances) -> Covariances:
        if not state.gaussian:
            raise ValueError(
                f"network: {self!r} should follow a layer with weights, whose output is Gaussian"
            )
        state = state.settled()
        a, b = (k.diagonal(dim1=-2, dim2=-1) for k in (state.left, state.right))
        cross, slope = gaussian_moments(
            self.name, a[:, None, :, None], b[None, :, None, :], state.cross
        )
        left, right = (
            gaussian_moments(self.name, v[:, :, None], v[:, None, :], k)[0]
            for v, k in ((a, state.left), (b, state.right))
        )
        return Covariances(
            state.places, cross, state.tangent * slope, left, right, state.same, gaussian=False
        )


class Serial(Layer):
    """Layers one after another.

    Args:
        layers: at least one.

    Raises:
        TypeError: something that is no layer.
        ValueError: no layer.

    Example:
        >>> Serial(Dense(), Nonlinearity("relu"), Dense(1.0)).to(Places(grid=(4, 4)))
        Places(grid=(4, 4), group=None, nodes=None)
    """

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise ValueError(f"{type(self).__name__}: expected at least one layer, got none")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"{type(self).__name__}: expected layers of geomdl.generalization.infinite,"
                    f" got {type(layer).__name__}"
                )
        self.layers = layers

    def to(self, places: Places) -> Places:
        """Places after the last layer."""
        for layer in self.layers:
            places = layer.to(places)
        return places

    def __call__(self, state: Covariances) -> Covariances:
        for layer in self.layers:
            state = layer(state)
        return state

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"


class Residual(Serial):
    """x + branch(x), with independent weights in the branch: kernels add up.

    The branch should end with a layer with weights; their mean is zero, so that branch and input
    are not correlated.

    Args:
        layers: of the branch.

    Raises:
        ValueError: the branch has no layer with weights at its end, or changes the places.

    Example:
        >>> Residual(Nonlinearity("relu"), Dense())
        Residual(Nonlinearity(name='relu'), Dense(w_std=1.4142135623730951, b_std=0.0))
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        if not isinstance(layers[-1], Weighted):
            raise ValueError(f"Residual: expected a branch ending with weights, got {layers[-1]!r}")

    def to(self, places: Places) -> Places:
        """The same."""
        after = super().to(places)
        if after != places:
            raise ValueError(f"Residual: expected a branch to {places}, got one to {after}")
        return places

    def __call__(self, state: Covariances) -> Covariances:
        places, branch = self.to(state.places), super().__call__(state)
        return Covariances(
            places,
            state.cross + branch.cross,
            state.tangent + branch.tangent,
            state.left + branch.left,
            state.right + branch.right,
            state.same,
            gaussian=state.gaussian and branch.gaussian,
        )


class Flatten(Layer):
    """All places become channels, for a `Dense` layer to read: K' = (1/P) Σ_p K(p, p).

    Example:
        >>> Flatten().to(Places(grid=(4, 4))) == VECTOR
        True
    """

    def to(self, places: Places) -> Places:
        """One."""
        return VECTOR

    def __call__(self, state: Covariances) -> Covariances:
        def mean(kernel: Tensor) -> Tensor:
            return kernel.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]

        # channels from different places have different variances: only weights make them alike
        return state.mapped(mean, VECTOR, gaussian=False)


class GlobalAveragePool(Layer):
    """Mean over all places, group elements among them: K' = (1/P²) Σ_pq K(p, q).

    Example:
        >>> GlobalAveragePool().to(Places(grid=(4, 4))) == VECTOR
        True
    """

    def to(self, places: Places) -> Places:
        """One."""
        return VECTOR

    def __call__(self, state: Covariances) -> Covariances:
        return state.mapped(lambda k: k.mean((-2, -1))[..., None, None], VECTOR)
