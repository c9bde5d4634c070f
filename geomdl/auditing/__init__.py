"""The certificate: measure the equivariance error of any callable, and say where it breaks."""

from geomdl.auditing.analytic import Analytic, analytic_inputs
from geomdl.auditing.audit import audit
from geomdl.auditing.certificate import Audit, ElementRow, LayerRow, OutputRow
from geomdl.auditing.curves import Warp, warp
from geomdl.auditing.lie import lie_derivative
from geomdl.auditing.lie_objects import LocalErrors, lie_object
from geomdl.auditing.lie_result import LayerCost, LieDerivative, LieRow
from geomdl.auditing.objects import audit_object
from geomdl.auditing.orbit import OrbitError, orbit_error
from geomdl.auditing.prepare import redraw
from geomdl.auditing.roundtrip import roundtrip
from geomdl.auditing.sheet import contact_sheet
from geomdl.auditing.statistics import default_tol, exceedance_bound

__all__ = [
    "Analytic",
    "Audit",
    "ElementRow",
    "LayerCost",
    "LayerRow",
    "LieDerivative",
    "LieRow",
    "LocalErrors",
    "OrbitError",
    "OutputRow",
    "Warp",
    "analytic_inputs",
    "audit",
    "audit_object",
    "contact_sheet",
    "default_tol",
    "exceedance_bound",
    "lie_derivative",
    "lie_object",
    "orbit_error",
    "redraw",
    "roundtrip",
    "warp",
]
