"""Why networks generalise: kernels of finite and infinite width, double descent, symmetry, bounds."""

__all__: list[str] = []
