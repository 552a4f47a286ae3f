"""What the course of a training's losses tells: findings, of which `training_doctor` has more."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

GAP = 1.5            # validation loss by training loss
RISE = 1.1           # the last loss by the least one: the noise of an epoch's mean is far less
FALL = 0.99          # the last loss by the first: in EPOCHS epochs anything that learns falls by more than 1 %
EPOCHS = 3


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
      name: one of `training_doctor.LOOKED_FOR`.
      what: where, and how much, in words.
      value: the number that was over its threshold.
      fix: what to do.
    """

    name: str
    what: str
    value: float
    fix: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}; {self.fix}"


def until_best(history: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """A history up to the epoch of the least val_loss, to which `fit` returns with `patience`.

    >>> until_best({"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, 2.6]})
    {'loss': [3.0, 2.0], 'val_loss': [3.0, 2.5]}
    """
    finite = [value if math.isfinite(value) else math.inf for value in history["val_loss"]]
    return {name: list(values)[: finite.index(min(finite)) + 1] for name, values in history.items()}


def of_history(history: Mapping[str, Sequence[float]], *, scheduled: bool = False) -> list[Finding]:
    """What the losses of a training's epochs tell; those of a `scheduled` loss are not compared between epochs.

    An adversarial loss measures no progress: "reconstruction" stands for it, which may rise as the game goes on.

    >>> [finding.name for finding in of_history({"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, 2.4]})]
    ['overfit']
    """
    game = "discriminator" in history
    key, scheduled = "reconstruction" if game else "loss", scheduled or game
    loss, validation = (list(history.get(name, ())) for name in (key, f"val_{key}"))
    if lost := sum(not math.isfinite(value) for value in (*loss, *validation)):
        return [Finding("loss not finite", f"{lost} losses are NaN or infinite", float(lost),
                        "lower --learning-rate, or look at the data with aejax data check")]
    if not loss or min((*loss, *validation)) <= 0:   # their quotients would say nothing
        return []
    return _overfit(loss, validation, scheduled) + ([] if scheduled else _course(loss))


def _overfit(loss: list[float], validation: list[float], scheduled: bool) -> list[Finding]:
    advice = "stop at the best epoch (--patience 5), or bring more data, a smaller network or a corruption"
    if not validation:
        return []
    gap, rise = validation[-1] / loss[-1], validation[-1] / min(validation)
    if gap >= GAP:
        return [Finding("overfit", f"the validation loss ends at {gap:.2f} times the training loss", gap, advice)]
    if rise >= RISE and loss[-1] < loss[validation.index(min(validation))] and not scheduled:
        return [Finding("overfit", f"the validation loss ends at {rise:.2f} times its least, of epoch "
                        f"{validation.index(min(validation)) + 1}, while the training loss fell", rise, advice)]
    return []


def _course(loss: list[float]) -> list[Finding]:
    if len(loss) < EPOCHS:
        return []
    rise, fall = loss[-1] / min(loss), loss[-1] / loss[0]
    if rise >= RISE:
        return [Finding("loss rose at the end", f"the training loss ends at {rise:.2f} times its least, of epoch "
                        f"{loss.index(min(loss)) + 1}", rise, "lower --learning-rate")]
    if fall >= FALL:
        return [Finding("loss did not fall", f"the training loss ends at {fall:.3f} times that of the first epoch",
                        fall, "try a --learning-rate ten times as large and one a tenth, and look at the data")]
    return []
