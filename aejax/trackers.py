"""What watches a run: a line or a bar for people, JSON lines for programs."""

import json
import sys
from collections.abc import Mapping
from io import TextIOBase
from pathlib import Path
from typing import Any

from aejax.files import writing
from aejax.types import Callback


class JsonLines(Callback):
    """Appends one JSON object an epoch to `path`: {"epoch": 0, "loss": …, "val_loss": …, "seconds": …}."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def on_train_begin(self, info: Mapping[str, Any]) -> None:
        with writing(self.path):
            self.path.write_text("")
        history = info.get("history", {})
        for epoch, values in enumerate(zip(*history.values(), strict=True)):   # a resumed run's file is the whole run's
            self.on_epoch_end(epoch, dict(zip(history, values, strict=True)), None)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float], state: Any) -> None:
        with writing(self.path), self.path.open("a") as file:
            file.write(json.dumps({"epoch": epoch, **logs}) + "\n")


class Progress(Callback):
    """A progress bar on a terminal; elsewhere one line an epoch, so that logs stay readable."""

    def __init__(self, label: str, stream: TextIOBase | None = None):
        self.label, self.stream = label, stream or sys.stderr
        self.bar = None

    def on_train_begin(self, info: Mapping[str, Any]) -> None:
        self.epochs = info["epochs"]
        if self.stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
            self.bar = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"),
                                TimeRemainingColumn(), console=Console(file=self.stream))
            self.bar.start()
            self.task = self.bar.add_task(f"{self.label:<20}", total=self.epochs, text="first epoch",
                                          completed=len(info.get("history", {}).get("loss", ())))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float], state: Any) -> None:
        text = f"epoch {epoch + 1}/{self.epochs} loss {logs['loss']:.5g}"
        if "val_loss" in logs:
            text += f" val_loss {logs['val_loss']:.5g}"
        if self.bar is None:
            left = (self.epochs - epoch - 1) * logs["seconds"] / 60
            text += f" {logs['seconds']:.2f} s" + (f", about {left:.0f} min to go" if left >= 1 else "")
            print(f"{self.label}: {text}", file=self.stream, flush=True)
        else:
            self.bar.update(self.task, advance=1, text=text)

    def on_train_end(self, history: Mapping[str, list[float]]) -> None:
        if self.bar is not None:
            self.bar.stop()
