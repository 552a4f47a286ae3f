"""Training: a whole epoch is one compiled program."""

from aejax.errors import TrainingInterruptedError
from aejax.train.evaluation import evaluate
from aejax.train.fit import NonFiniteLossError, fit
from aejax.train.step import TrainState, init_state
from aejax.train.sweep import sweep
from aejax.train.sweep_result import SweepResult

__all__ = ["NonFiniteLossError", "SweepResult", "TrainState", "TrainingInterruptedError", "evaluate", "fit",
           "init_state", "sweep"]
