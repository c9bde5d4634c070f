"""Suites `scattering/…`: scattering transforms against kymatio, and on real tasks.

`speed`: forward, backward, memory and construction, with the difference of the outputs beside
them; `small_data`: test error against the number of samples; `molecules`: energies of QM9;
`sounds`: chirps and textures, told apart and synthesised; `rotation`: change under rotations.
"""

from geomdl.bench.suites.scattering import molecules, rotation, small_data, sounds, speed

__all__ = ["molecules", "rotation", "small_data", "sounds", "speed"]
