"""Whatever is wrong with flags or data: one line, exit code 2, and nothing touched."""

import shutil

import pytest

TRAIN = ["train", "standard", "--data", "NOISE", "--output", "OUT", "--epochs", "1", "--batch-size", "8"]
ERRORS = {   # added to TRAIN (a later flag replaces an earlier one); what the one line says
    "missing path": (["--data", "./nowhere"], ["./nowhere", "no such file or folder"]),
    "empty folder": (["--data", "./empty"], ["empty", "no pictures"]),
    "unequal pictures": (["--data", "./mixed"], ["b.png", "4x6", "--size"]),
    "truncated picture": (["--data", "./damaged"], ["b.png", "cannot be read"]),
    "npz without array": (["--data", "none.npz"], ["none.npz", "no arrays"]),
    "npz with two": (["--data", "two.npz"], ["two.npz", "a, b", "'train'"]),
    "NaN": (["--data", "nan.npy"], ["nan.npy", "not finite", "(3, 2, 1)"]),
    "floats outside": (["--data", "large.npy"], ["large.npy", "max 3", "[0, 1]"]),
    "few examples": (["--data", "few.npy"], ["few", "fewer than a batch of 8", "--batch-size"]),
    "unknown data": (["--data", "mnist_mimi"], ["'mnist_mimi'", "did you mean 'mnist_mini'"]),
    "no data folder": (["--data-dir", "nowhere", "--data", "mnist"], ["--data-dir nowhere"]),
    "label column of no table": (["--label-column", "y"], ["label column 'y'"]),
    "code_dim 0": (["--code-dim", "0"], ["code_dim must be at least 1, got 0"]),
    "code_dim -1": (["--code-dim", "-1"], ["code_dim must be at least 1, got -1"]),
    "network": (["--network", "convolution"], ["unknown network 'convolution'", "'convolutional'"]),
    "loss": (["--loss", "squared"], ["unknown loss 'squared'", "'squared_error'"]),
    "activation": (["--activation", "rellu", "--widths", "4"], ["unknown activation 'rellu'", "relu"]),
    "weight": (["--weight", "1"], ["weight does not apply to standard"]),
    "rate": (["--rate", "0.1"], ["--rate does not apply to standard"]),
    "corruption": (["--corruption", "masking_noise"], ["corruption does not apply to standard"]),
    "channels": (["--channels", "4"], ["a dense network takes no channels"]),
    "widths": (["--widths", "abc"], ["--widths abc", "512,256"]),
    "size": (["--size", "3by4"], ["--size 3by4", "32x32"]),
    "size 0": (["--size", "0x4"], ["size (0, 4)"]),
    "output activation": (["--loss", "cross_entropy", "--output-activation", "tanh"], ["--output-activation"]),
    "output is a file": (["--output", "a file"], ["--output a file is a file"]),
    "output below a file": (["--output", "a file/run"], ["--output a file/run"]),
    "epochs": (["--epochs", "0"], ["--epochs must be at least 1"]),
    "learning rate": (["--learning-rate", "nan"], ["--learning-rate"]),
    "seed": (["--seed", "-1"], ["--seed must be at least 0"]),
    "patience": (["--patience", "2", "--validation", "0"], ["--patience needs validation"]),
    "devices": (["--devices", "many"], ["--devices many", "all, or a number"]),
    "devices 0": (["--devices", "0"], ["devices 0: 1 are there (cpu)"]),
    "too many devices": (["--devices", "2"], ["devices 2: 1 are there (cpu)"]),
    "parallel": (["--parallel", "shard"], ["unknown parallel 'shard': mesh or pmap"]),
    "coordinator alone": (["--coordinator", "127.0.0.1:1234"], ["coordinator without process-id, process-count"]),
    "process id alone": (["--process-id", "1"], ["process-id without coordinator, process-count"]),
    "process id": (["--coordinator", "127.0.0.1:1234", "--process-id", "2", "--process-count", "2"], ["process-id 2"]),
    "address": (["--coordinator", "here", "--process-id", "0", "--process-count", "2"], ["'here'", "host:port"]),
}
OTHERS = {
    "variant": (["train", "standart"], ["unknown variant 'standart'", "did you mean 'standard'"]),
    "corruption name": (["train", "denoising", "--corruption", "gausian_noise"],
                        ["'gausian_noise'", "'gaussian_noise'"]),
    "rate of sparse": (["train", "sparse", "--rate", "0.1"], ["--rate does not apply to sparse"]),
    "std of masking": (["train", "denoising", "--std", "0.1"], ["std does not apply to masking_noise"]),
    "equal codes": (["compare", "--data", "NOISE", "--batch-size", "8", "--code-dim", "4", "--over-complete", "4"],
                    ["--code-dim and --over-complete"]),
    "no run": (["evaluate", "nowhere"], ["nowhere holds no finished run"]),
    "no run to reconstruct": (["reconstruct", "empty", "mixed"], ["empty holds no finished run"]),
    "no picture": (["reconstruct", "RUN", "nowhere.png"], ["nowhere.png", "no such file"]),
    "unfit array": (["reconstruct", "RUN", "CELLS"], ["cells.csv", "(8, 8, 1)"]),
    "pictures for a table": (["reconstruct", "TABLE", "mixed"], ["mixed", "(3,)"]),
    "reconstruct into a file": (["reconstruct", "RUN", "mixed", "--output", "a file"], ["a file"]),
    "check": (["data", "check", "./nowhere"], ["./nowhere"]),
    "grid of a table": (["data", "check", "CELLS", "--output", "grid.png"], ["cells.csv", "no images"]),
    "precision": (["compare", "--data", "NOISE", "--batch-size", "8", "--precision", "float8"],
                  ["unknown precision 'float8'"]),
    "grid over a folder": (["data", "check", "NOISE", "--output", "empty"], ["empty"]),
    "samples of an exact method": (["train", "contractive", "--samples", "3"], ["--samples", "hutchinson"]),
    "hessian weight": (["train", "contractive", "--hessian-weight", "1"], ["hessian_weight does not apply to contr"]),
    "std of contractive": (["train", "contractive", "--std", "1"], ["--std does not apply to contractive"]),
    "sweep of nothing": (["sweep", "sparse"], ["--grid", "learning_rate=0.001,0.01"]),
    "sweep of a typo": (["sweep", "denoising", "--grid", "rat=0.1"], ["'rat'", "did you mean 'rate'"]),
    "sweep of epochs": (["sweep", "sparse", "--grid", "epochs=1,2"], ["'epochs'", "known: learning_rate"]),
    "sweep of another's": (["sweep", "sparse", "--grid", "rate=0.1"], ["--rate does not apply to sparse"]),
    "sweep variant": (["sweep", "sparce", "--grid", "weight=1"], ["did you mean 'sparse'"]),
    "sweep value": (["sweep", "sparse", "--grid", "weight=0.1,a"], ["--grid weight=0.1,a", "numbers"]),
    "sweep without values": (["sweep", "sparse", "--grid", "weight"], ["--grid weight", "numbers"]),
    "sweep with a hole": (["sweep", "sparse", "--grid", "sparsity=l1,,kl"], ["different names"]),
    "sweep of halves": (["sweep", "sparse", "--grid", "code_dim=2.5"], ["different whole numbers"]),
    "sweep of the same": (["sweep", "sparse", "--grid", "weight=1,1"], ["different numbers"]),
    "sweep of one flag twice": (["sweep", "sparse", "--grid", "weight=1", "--grid", "weight=2"], ["given twice"]),
    "sweep out of range": (["sweep", "denoising", "--grid", "rate=0.5,1.5"], ["from 0 to 1, got 1.5"]),
    "sweep rate": (["sweep", "sparse", "--grid", "learning-rate=0.1,-1"], ["--learning-rate", "-1"]),
    "sweep seeds": (["sweep", "sparse", "--grid", "weight=1", "--seeds", "0"], ["--seeds must be at least 1"]),
    "sweep patience": (["sweep", "sparse", "--grid", "weight=1", "--patience", "2"], ["--patience does not apply"]),
    "sweep of devices": (["sweep", "sparse", "--grid", "weight=1", "--devices", "all"], ["--devices does not apply"]),
    "sweep of hosts": (["sweep", "sparse", "--grid", "weight=1", "--process-id", "0"], ["--process-id does not apply"]),
    "sweep of pmap": (["sweep", "sparse", "--grid", "weight=1", "--parallel", "pmap"], ["--parallel does not apply"]),
    "sweep of few": (["sweep", "sparse", "--grid", "weight=1", "--data", "few.npy", "--batch-size", "8"], ["few"]),
    "sweep over a run": (["sweep", "sparse", "--grid", "weight=1", "--output", "RUN"], ["--overwrite"]),
    "blind of nothing": (["train", "sparse", "--blind"], ["--blind does not apply to sparse"]),
    "blind Poisson": (["train", "denoising", "--blind", "--corruption", "poisson_noise"],
                      ["blind does not apply to poisson_noise", "signal_dependent_noise", "1/peak"]),
    "blind blocks": (["train", "denoising", "--blind", "--corruption", "block_mask"], ["does not apply to block_mask"]),
    "peak of masking": (["train", "denoising", "--peak", "3"], ["peak does not apply to masking_noise"]),
    "code of a unet": (["train", "denoising", "--network", "unet", "--code-dim", "8"], ["takes no code_dim"]),
    "unet of bits": (["train", "denoising", "--network", "unet", "--loss", "cross_entropy"], ["does not suit a unet"]),
    "noise from nowhere": (["train", "denoising", "--noise-from", "nowhere"], ["nowhere", "no such file or folder"]),
    "noise twice": (["train", "denoising", "--noise-from", "mixed", "--slope", "1"], ["leave out --slope"]),
    "other noise": (["train", "denoising", "--noise-from", "mixed", "--corruption", "gaussian_noise"],
                    ["leave out --corruption"]),
    "patches of an array": (["train", "denoising", "--data", "NOISE", "--patches", "4"], ["noise.npy", "folder"]),
    "patches too large": (["train", "denoising", "--data", "mixed", "--patches", "9x9"], ["mixed", "--patches"]),
    "patches of no size": (["train", "denoising", "--data", "mixed", "--patches", "large"], ["--patches large"]),
    "denoise by a table's run": (["denoise", "TABLE", "mixed"], ["(3,)", "not pictures"]),
    "denoise nothing": (["denoise", "RUN", "empty"], ["empty", "holds no picture"]),
    "denoise nowhere": (["denoise", "RUN", "nowhere.png"], ["nowhere.png", "no such file"]),
    "denoise damage": (["denoise", "RUN", "damaged/b.png"], ["b.png", "cannot be read"]),
    "denoise into itself": (["denoise", "RUN", "mixed", "--output", "mixed", "--overwrite"], ["itself", "mixed/a.png"]),
    "denoise into a file": (["denoise", "RUN", "mixed", "--output", "a file"], ["a file"]),
    "upscale by 1": (["upscale", "RUN", "mixed", "--factor", "1"], ["--factor must be at least 2"]),
    "upscale by what": (["upscale", "RUN", "mixed"], ["was not trained on coarse pictures", "--factor"]),
    "upscale by 3": (["upscale", "RUN", "mixed", "--factor", "3"], ["factor 3", "8x8"]),
    "inpaint what": (["inpaint", "RUN", "mixed/a.png"], ["--mask FILE or --box"]),
    "inpaint twice": (["inpaint", "RUN", "mixed/a.png", "--box", "0,0,1,1", "--mask", "mixed/b.png"], ["either"]),
    "inpaint a folder": (["inpaint", "RUN", "mixed", "--box", "0,0,1,1"], ["mixed is a folder"]),
    "mask of another size": (["inpaint", "RUN", "mixed/a.png", "--mask", "mixed/b.png"],
                             ["a mask of 4x6, but mixed/a.png is 8x8"]),
    "box outside": (["inpaint", "RUN", "mixed/a.png", "--box", "4,0,5,1"], ["--box 4,0,5,1", "8 wide and 8 high"]),
    "box of words": (["inpaint", "RUN", "mixed/a.png", "--box", "all"], ["--box all", "8,8,14,14"]),
    "all hidden": (["inpaint", "RUN", "mixed/a.png", "--box", "0,0,8,8"], ["hides the whole picture"]),
    "steps of a pass": (["inpaint", "RUN", "mixed/a.png", "--box", "0,0,1,1", "--steps", "3"],
                        ["--steps goes with --method projection or energy"]),
    "inverted box": (["inpaint", "RUN", "mixed/a.png", "--box", "0,0,1,1", "--invert-mask"], ["goes with --mask"]),
    "verb": (["trian"], ["unknown verb 'trian'", "did you mean 'train'"]),
}


@pytest.mark.parametrize("name", [*ERRORS, *OTHERS])
def test_bad_input_is_one_line_and_leaves_everything(aejax, made, tmp_path, capsys, name, bad_inputs):
    bad_inputs()
    before = sorted(tmp_path.rglob("*"))
    added, parts = ERRORS.get(name) or OTHERS[name]
    arguments = added if name in OTHERS else TRAIN + added
    places = {"NOISE": made / "noise.npy", "CELLS": made / "cells.csv", "RUN": made / "run", "TABLE": made / "cells"}
    assert aejax(*(places.get(argument, argument) for argument in arguments)) == 2
    *log, error = capsys.readouterr().err.splitlines()
    assert error.startswith("aejax: ") and all(part in error for part in parts), error
    assert not any("Traceback" in line or line.startswith("aejax") for line in log)   # notes on the data at most
    assert sorted(p for p in tmp_path.rglob("*") if "cache" not in p.parts) == before
    assert (tmp_path / "a file").read_text() == "mine"


@pytest.mark.parametrize("arguments", [["train", "standard", "--epoch", "3"], ["train"], ["data", "look", "x"],
                                       ["train", "standard", "--epochs", "many"], []])
def test_flags_that_do_not_parse_end_with_2(aejax, arguments, tmp_path):
    with pytest.raises(SystemExit) as end:
        aejax(*arguments)
    assert end.value.code == 2 and not list(tmp_path.iterdir())


def test_a_refused_training_leaves_the_older_run(aejax, made, tmp_path, capsys, bad_inputs):
    shutil.copytree(made / "run", tmp_path / "OUT")
    before = {p: p.read_bytes() for p in (tmp_path / "OUT").rglob("*") if p.is_file()}
    bad_inputs()
    for added in (["--data", "few.npy"], ["--data", "nan.npy"], ["--code-dim", "0"]):
        arguments = [made / "noise.npy" if a == "NOISE" else a for a in [*TRAIN, *added, "--overwrite"]]
        assert aejax(*arguments) == 2
    assert {p: p.read_bytes() for p in (tmp_path / "OUT").rglob("*") if p.is_file()} == before
