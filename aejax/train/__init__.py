"""Training: a whole epoch is one compiled program."""

from aejax.train.evaluation import evaluate
from aejax.train.fit import NonFiniteLossError, TrainingInterruptedError, fit
from aejax.train.step import TrainState, init_state
from aejax.train.sweep import sweep
from aejax.train.sweep_result import SweepResult

__all__ = ["NonFiniteLossError", "SweepResult", "TrainState", "TrainingInterruptedError", "evaluate", "fit",
           "init_state", "sweep"]
