from aejax import errors, files, types


def test_what_a_signal_stopped():
    assert str(errors.TrainingInterruptedError("SIGTERM", 7)) == "SIGTERM at step 7: saved"


def test_inputs_that_were_skipped_are_no_bad_input():
    assert not issubclass(errors.InputsSkippedError, (errors.InputError, errors.CheckFailedError))


def test_one_error_under_all_its_names():
    """What callers catch as aejax.types.InputError is what reading data raises without JAX."""
    assert types.InputError is files.InputError is errors.InputError
    assert issubclass(errors.InputError, ValueError)
