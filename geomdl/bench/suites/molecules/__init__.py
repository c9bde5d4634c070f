"""Suites `molecules/…`: interactions and potentials against e3nn.

`speed`: one interaction, forward, backward and with forces, with memory and the difference of the
outputs beside them; a training step of NequIP against the same network on e3nn; time against the
number of atoms.
"""

from geomdl.bench.suites.molecules import speed

__all__ = ["speed"]
