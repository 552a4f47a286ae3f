"""What the groups of the speed benchmark share: data, settings, and a table of calls against one of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments._harness import Call, interleaved, spread
from experiments._ours import Budget
from experiments._record import Record


@dataclasses.dataclass(frozen=True)
class Work:
    """What every group of rows is given."""

    train: np.ndarray
    test: np.ndarray
    config: Any   # of experiments.speed
    peers: Mapping[str, str]   # {package: version}

    def settings(self, **more: Any) -> dict[str, Any]:
        """What decides whether a row is measured again."""
        config = self.config
        return {"images": len(self.train), "batch_size": config.batch_size, "epochs": config.epochs,
                "rounds": config.rounds, **more}

    @property
    def budget(self) -> Budget:
        """Of each training of ours."""
        return Budget(self.config.epochs, self.config.batch_size)

    def first(self, images: int) -> np.ndarray:
        """The first images, as many as there are, at least a batch."""
        return self.train[: max(images, self.config.batch_size)]


def against(record: Record, work: Work, calls: Mapping[str, Call], reference: str, rounds: int, settings: dict,
             prefix: str = "", images: int | None = None) -> None:
    """Times calls and records each one's seconds and ratio to the reference, the reference last."""
    seconds = interleaved(calls, rounds)
    for name in [name for name in calls if name != reference] + [reference]:
        values = spread("epoch", "s", seconds[name]) | spread("ratio", f"of {reference}",
                                                              seconds[name] / seconds[reference])
        if images:
            values["throughput"] = ("images/s", [images / np.median(seconds[name])])
        record.add(f"{prefix}{name}", settings, values, seeds=[0], n=rounds)
