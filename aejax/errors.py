"""The error that means bad input; apart from `aejax.types`, so that reading data needs no JAX."""


class InputError(ValueError):
    """Bad input, arguments or flags: one line that says what is wrong, where, and what to do.

    The command line prints it and exits with 2; any other exception is a defect and keeps its traceback.
    """


class CheckFailedError(Exception):
    """What was asked to be checked is not as it should be; the command line prints it and exits with 1."""


class InputsSkippedError(Exception):
    """The work is done, but for some inputs, which it names; the command line prints it and exits with 3."""


class TrainingInterruptedError(Exception):
    """A signal stopped a run that writes checkpoints; all its progress is saved.

    Attributes:
      received: the signal's name.
      step: the number of steps taken.
    """

    def __init__(self, received: str, step: int):
        super().__init__(f"{received} at step {step}: saved")
        self.received, self.step = received, step
