"""The text that tyro prints, for a terminal of any width: paragraphs wrapped, and no colour where none is wanted."""

import contextlib
import io
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator


class _Captured(io.StringIO):
    """What is printed, kept; tyro asks it whether it may use colours, and draws boxes where the encoding has them."""

    def __init__(self, colour: bool, encoding: str | None):
        super().__init__()
        self.colour, self._encoding = colour, encoding

    @property
    def encoding(self) -> str | None:
        """Of what all is printed to in the end."""
        return self._encoding

    def isatty(self) -> bool:
        return self.colour


def colour_wanted() -> bool:
    """Whether both outputs are terminals, and NO_COLOR is not set to anything (https://no-color.org)."""
    return sys.stdout.isatty() and sys.stderr.isatty() and not os.environ.get("NO_COLOR")


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Prints what is printed inside as `wrapped` has it, when that ends the process, as help does."""
    captured = _Captured(colour_wanted(), getattr(sys.stdout, "encoding", None))
    try:
        with contextlib.redirect_stdout(captured):
            yield
    except SystemExit:
        print(wrapped(captured.getvalue(), shutil.get_terminal_size().columns), end="")
        raise


def wrapped(text: str, width: int) -> str:
    """Paragraphs and usage filled to `width`, boxes as they are; a long list of verbs in the usage becomes VERB.

    >>> print(wrapped("usage: aejax [-h] {first,second,third}\\n\\nSay what is here, and end.", 20))
    usage: aejax [-h]
           VERB
    <BLANKLINE>
    Say what is here,
    and end.
    """
    lines = []
    for line in text.split("\n"):
        if len(line) <= width or line[:1] in ("╭", "│", "╰"):
            lines.append(line)
            continue
        usage = line.startswith("usage: ")
        if usage:
            line = re.sub(rf"\{{[\w,-]{{{max(width // 2, 1)},}}\}}", "VERB", line)
        lines += textwrap.wrap(line, width, subsequent_indent=" " * 7 if usage else "", break_long_words=False,
                               break_on_hyphens=False)
    return "\n".join(lines)
