"""Suites `graphs/…`: message passing against PyG, expressivity on BREC, real tasks."""

__all__: list[str] = []
