"""The drawings that `geomdl.bench.plots` names: numbers in, matplotlib figure out."""

from geomdl.bench.drawings.along import orbit
from geomdl.bench.drawings.bars import bars
from geomdl.bench.drawings.lines import curves
from geomdl.bench.drawings.points import scatter
from geomdl.bench.drawings.rows import dots, dumbbell

__all__ = ["bars", "curves", "dots", "dumbbell", "orbit", "scatter"]
