"""What is asked of a checkpoint that is not what it holds, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from aejax.types import InputError


def refuse_differences(saved: Mapping[str, Any], asked: Mapping[str, Any], what: str) -> None:
    """Raises an `InputError` that shows where `asked` is not what was `saved`."""
    different = list(_differences(saved, asked))
    if different:
        more = f"; and {len(different) - 5} more" if len(different) > 5 else ""
        raise InputError(f"{what} ({'; '.join(different[:5])}{more}); choose another folder, or what was saved")


def _differences(saved: Any, asked: Any, name: str = "") -> Iterator[str]:
    """One text for each value that differs; a part that is None is one that is not there."""
    if isinstance(saved, Mapping) and isinstance(asked, Mapping):
        for key in sorted({*saved, *asked}):
            yield from _differences(saved.get(key), asked.get(key), f"{name}.{key}" if name else key)
    elif saved is None or asked is None or saved != asked:
        if saved is not asked:
            yield (f"{name}: saved without, {_text(asked)} asked" if saved is None else
                   f"{name}: {_text(saved)} saved, asked without" if asked is None else
                   f"{name}: {_text(saved)} saved, {_text(asked)} asked")


def _text(value: Any) -> str:
    return " ".join(f"{key}={part}" for key, part in value.items()) if isinstance(value, Mapping) else str(value)
