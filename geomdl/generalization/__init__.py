"""Why networks generalise: kernels at any width, double descent, symmetry, bounds."""

__all__: list[str] = []
