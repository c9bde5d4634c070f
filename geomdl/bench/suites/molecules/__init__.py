"""Suites `molecules/…`: interactions and potentials, against e3nn and each other.

`parity`: harmonics, 3j symbols, products, linear maps and gates, case by case the numbers of e3nn.
`speed`: one interaction, forward, backward and with forces, with memory and the difference of the
outputs beside them; a training step of NequIP against the same network on e3nn; time against the
number of atoms. `paths`: ways to a product, timed over the degree. `accuracy`: potentials of
trajectories after equal times of training, and against the number of frames. `qm9`: properties of
molecules after equal times. `dynamics`: a potential of ethanol at constant energy, its minimum and
vibrations beside GFN2's. `gwl`: what body order and degree tell apart, exactly and trained.
"""

from geomdl.bench.suites.molecules import accuracy, dynamics, gwl, parity, paths, qm9, speed

__all__ = ["accuracy", "dynamics", "gwl", "parity", "paths", "qm9", "speed"]
