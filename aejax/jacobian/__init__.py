"""The exact contractive penalty Ω(x) = ‖∂h/∂x‖²_F for any encoder: norms, penalties, spectra."""

from aejax.jacobian.norms import (
    METHODS,
    Plan,
    check_method,
    composed_squared_norm,
    difference_squared_norm,
    hutchinson,
    plan,
    squared_norm,
)
from aejax.jacobian.penalties import (
    BatchCoupledEncoderError,
    check_uncoupled,
    contractive_penalty,
    encoder_of,
    penalty_of,
)
from aejax.jacobian.spectrum import jacobians, singular_values, tangents

__all__ = ["METHODS", "BatchCoupledEncoderError", "Plan", "check_method", "check_uncoupled", "composed_squared_norm",
           "contractive_penalty", "difference_squared_norm", "encoder_of", "hutchinson", "jacobians", "penalty_of",
           "plan", "singular_values", "squared_norm", "tangents"]
