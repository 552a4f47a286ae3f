"""Signals ask to stop, once; the old handlers come back."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from aejax.train.interruption import catch_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted(number):
    former = signal.getsignal(number)
    with catch_signals() as interruption:
        assert interruption.received is None
        os.kill(os.getpid(), number)
        assert interruption.received == number.name
        assert signal.getsignal(number) != former
    assert signal.getsignal(number) == former


def test_a_second_sigint_interrupts_and_handlers_come_back():
    former = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), catch_signals() as interruption:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert interruption.received == "SIGTERM"
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second SIGINT was swallowed")
    assert signal.getsignal(signal.SIGINT) == former


def test_nothing_is_caught_outside_the_main_thread():
    seen = []

    def work():
        with catch_signals() as interruption:
            seen.append((signal.getsignal(signal.SIGTERM), interruption.received))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(signal.getsignal(signal.SIGTERM), None)]


def test_after_the_block_sigterm_kills_again():
    source = ("import os, signal\nfrom aejax.train.interruption import catch_signals\n"
              "with catch_signals() as i:\n    os.kill(os.getpid(), signal.SIGTERM)\nprint(i.received, flush=True)\n"
              "os.kill(os.getpid(), signal.SIGTERM)\n")
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("SIGTERM\n", -signal.SIGTERM)
