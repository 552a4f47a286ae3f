"""`aejax VERB`: the entry point. Flags stand in `aejax.flags`, what a verb does in `aejax.verbs`.

This file imports no JAX, so `--help` is quick.
"""

import difflib
import logging
import os
import select
import shlex
import sys
from typing import Annotated, Union

import tyro
from tyro.conf import subcommand

from aejax.errors import CheckFailedError, InputError, InputsSkippedError, TrainingInterruptedError
from aejax.flags import VERBS
from aejax.help_text import readable

_Verb = Union[tuple(Annotated[flags, subcommand(verb)] for verb, flags in VERBS.items())]   # noqa: UP007 (built)

READER_LEFT = 141   # 128 + SIGPIPE, as shells count


def main(argv: list[str] | None = None) -> int:
    """Parses, runs, and returns the exit code.

    0: done, or saved and stopped by a signal; 1: a check failed or training diverged; 2: bad input or flags; 3: done,
    but for some inputs, which are named; 141: whoever read the output left, as `head` does.
    """
    code = 0
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):   # none of a test's, or of a notebook's
            stream.reconfigure(errors="replace")   # an encoding without our dashes is no reason to stop
    try:
        try:
            code = _run(argv)
        finally:
            sys.stdout.flush()   # what is still held would only fail as the interpreter ends
    except BrokenPipeError:
        if not _reader_left():
            raise
        return code or READER_LEFT
    return code


def _run(argv: list[str] | None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv and not argv[0].startswith("-") and argv[0] not in VERBS:
        close = difflib.get_close_matches(argv[0], VERBS, 1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ";"
        return _fail(f"unknown verb {argv[0]!r}{hint} known: {', '.join(VERBS)}", 2)
    with readable():
        flags = tyro.cli(_Verb, prog="aejax", args=argv,
                         config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff))
    _log_to_stderr()
    from aejax import verbs
    try:
        verb = next(verb for verb, kind in VERBS.items() if type(flags) is kind)
        verbs.run(verb, flags, command=shlex.join(["aejax", *argv]))
    except InputError as error:
        return _fail(str(error), 2)
    except TrainingInterruptedError as stop:
        print(f"{stop}; resume with: {shlex.join(['aejax', *(word for word in argv if word != '--resume')])} --resume")
    except InputsSkippedError as error:
        return _fail(str(error), 3)
    except (CheckFailedError, FloatingPointError) as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def _reader_left() -> bool:
    """Whether it is standard output that broke; it then leads nowhere, so that nothing fails once more at the end."""
    try:
        output = sys.stdout.fileno()
    except OSError:   # no file: what a test or another program put there
        return False
    if not hasattr(select, "poll"):   # Windows
        return False
    pipe = select.poll()   # a flush would not tell, where nothing is held back
    pipe.register(output, 0)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in pipe.poll(0)):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output)
    os.close(nowhere)
    return True


def _fail(message: str, code: int) -> int:
    print(f"aejax: {' '.join(message.split())}", file=sys.stderr)
    return code


def _log_to_stderr() -> None:
    """Shows what the library says about its work, each message once."""
    said = set()
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: (message := record.getMessage()) not in said and not said.add(message))
    logger = logging.getLogger("aejax")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
