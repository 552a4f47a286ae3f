"""The error that means bad input; apart from `aejax.types`, so that reading data needs no JAX."""


class InputError(ValueError):
    """Bad input, arguments or flags: one line that says what is wrong, where, and what to do.

    The command line prints it and exits with 2; any other exception is a defect and keeps its traceback.
    """
