import io
import json

import pytest

from aejax.trackers import JsonLines, Progress
from aejax.types import InputError

INFO = {"epochs": 3}
LOGS = [{"loss": 0.5, "val_loss": 0.25, "seconds": 0.125}, {"loss": 0.375, "val_loss": 0.2, "seconds": 0.0625}]


def follow(callback, logs=LOGS):
    callback.on_train_begin(INFO)
    for epoch, values in enumerate(logs):
        assert not callback.on_epoch_end(epoch, values, None)   # a tracker never stops the training
    callback.on_train_end({})


def test_json_lines_has_a_row_an_epoch(tmp_path):
    path = tmp_path / "metrics.jsonl"
    follow(JsonLines(path))
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"epoch": 0, **LOGS[0]}, {"epoch": 1, **LOGS[1]}]


def test_json_lines_are_there_while_training_goes_on(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("of an older run\n")
    tracker = JsonLines(str(path))
    tracker.on_train_begin(INFO)
    assert path.read_text() == ""
    tracker.on_epoch_end(0, LOGS[0], None)
    assert json.loads(path.read_text())["loss"] == 0.5


def test_json_lines_that_cannot_be_written_are_bad_input(tmp_path):
    with pytest.raises(InputError, match="metrics: cannot be written .*directory"):
        JsonLines(tmp_path / "missing" / "metrics").on_train_begin(INFO)
    with pytest.raises(InputError, match="No space left on device"):
        JsonLines("/dev/full").on_epoch_end(0, LOGS[0], None)


def test_progress_is_one_line_an_epoch_in_a_log():
    stream = io.StringIO()
    follow(Progress("standard-30", stream))
    assert stream.getvalue().splitlines() == ["standard-30: epoch 1/3 loss 0.5 val_loss 0.25 0.12 s",
                                              "standard-30: epoch 2/3 loss 0.375 val_loss 0.2 0.06 s"]


def test_progress_without_validation_goes_to_stderr(capsys):
    follow(Progress("run"), [{"loss": 1234567.0, "seconds": 2.0}])
    captured = capsys.readouterr()
    assert captured.err == "run: epoch 1/3 loss 1.2346e+06 2.00 s\n" and captured.out == ""
    follow(Progress("run"), [{"loss": 1.0, "seconds": 75.0}, {"loss": 1.0, "seconds": 45.0}])
    assert [line.rsplit(" s", 1)[1] for line in capsys.readouterr().err.splitlines()] == [
        ", about 2 min to go", ""]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("logs", [LOGS, LOGS[:0]], ids=["two epochs", "stopped in the first"])
def test_progress_is_a_bar_on_a_terminal(monkeypatch, logs):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    progress = Progress("standard-30", stream)
    follow(progress, logs)
    text = stream.getvalue()
    assert "standard-30" in text and ("epoch 2/3 loss 0.375" in text if logs else "first epoch" in text)
    assert " s\n" not in text   # not the lines of a log
    assert not progress.bar.live.is_started   # the cursor is given back
