"""What was saved comes back bit for bit, or not at all: after kills, damage, a full disk, on other devices."""

import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax.files import SUMS, InputError, checksums
from aejax.train.checkpoints import Checkpoints

CONFIGURATION = {"variant": "denoising", "learning_rate": 0.001, "corruption": {"name": "masking_noise", "rate": 0.5},
                 "widths": (512, 256), "epochs": 3, "devices": 1, "parallel": "mesh", "output": "runs/a"}
META = {"epoch": 1, "history": {"loss": [0.1 + 0.2, float("inf")]}, "best_loss": float("inf"), "waited": None}


def opened(folder, *, resume=True, configuration=CONFIGURATION, **options) -> Checkpoints:
    return Checkpoints(folder, configuration=configuration, resume=resume, **options)


def small(value: float) -> dict[str, jax.Array]:
    return {"w": jnp.full((3, 4), value), "step": jnp.int32(value)}


def filled(folder, *steps: int, **options):
    with opened(folder, **options) as checkpoints:
        for step in steps:
            checkpoints.save(step, small(step), meta={"at": step})


def restored(folder, **options):
    with opened(folder, **options) as checkpoints:
        return checkpoints.restore(small(0))


def test_a_state_comes_back_bit_for_bit(tmp_path):
    params = {"dense": {"w/x.y": jax.random.normal(jax.random.key(0), (3, 4)), "b": jnp.zeros((0, 2))}}
    tree = {"state": (params, optax.adam(1e-3).init(params), jnp.int32(7)), "half": jnp.ones(3, jnp.bfloat16) / 3,
            "keys": [jax.random.key(5), jax.random.split(jax.random.key(6), 2)], "host": np.arange(3), "best": None}
    with opened(tmp_path) as checkpoints:
        assert checkpoints.restore(tree) is None
        checkpoints.save(7, tree, meta=META, loss=0.5)
        assert checkpoints.wait() is None and checkpoints.steps() == [7]
    with opened(tmp_path) as checkpoints:
        step, back, meta = checkpoints.restore(tree)
    assert (step, meta) == (7, META)
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    for new, old in zip(jax.tree.leaves(back), jax.tree.leaves(tree), strict=True):
        assert type(new) is type(old) and new.dtype == old.dtype and new.shape == old.shape
        raw = [jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in (new, old)]
        assert np.asarray(raw[0]).tobytes() == np.asarray(raw[1]).tobytes()
    assert not list(tmp_path.glob("lock*"))


def test_meta_is_what_it_was_when_saved(tmp_path):
    history = {"loss": [1.0]}
    with opened(tmp_path) as checkpoints:
        checkpoints.save(1, small(1), meta={"history": history})
        history["loss"].append(2.0)
    assert restored(tmp_path)[2] == {"history": {"loss": [1.0]}}


def test_buffers_may_be_donated_right_after_save_and_after_restore(tmp_path):
    advance = jax.jit(lambda tree: jax.tree.map(lambda leaf: leaf + 1, tree), donate_argnums=0)
    state = {"w": jnp.zeros(200_000), "n": jnp.int32(0)}
    with opened(tmp_path, keep=9) as checkpoints:
        for step in range(3):
            checkpoints.save(step, state, meta={})
            for _ in range(2):
                state = advance(state)
        step, state, _ = checkpoints.restore({"w": jnp.ones(200_000), "n": jnp.int32(0)})
        for _ in range(5):
            state = advance(state)
        assert step == 2 and float(state["w"].min()) == float(state["w"].max()) == 9
        assert int(state["n"]) == 9


def test_the_last_and_the_best_are_kept_over_restarts(tmp_path):
    kept = []
    for step, loss in enumerate([float("nan"), 3.0, 1.0, 2.0, None, 2.5, 1.5]):
        with opened(tmp_path, keep=2) as checkpoints:
            checkpoints.save(step, small(step), meta={}, loss=loss)
            checkpoints.wait()
            kept.append(checkpoints.steps())
    assert kept == [[0], [0, 1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [2, 5, 6]]


def test_the_same_step_is_replaced(tmp_path):
    with opened(tmp_path, keep=1) as checkpoints:
        for value in (1, 2):
            checkpoints.save(5, small(value), meta={})
    step, tree, _ = restored(tmp_path)
    assert step == 5 and int(tree["step"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["5"]


def test_a_folder_with_checkpoints_is_not_begun_anew(tmp_path):
    filled(tmp_path, 3)
    with pytest.raises(InputError, match="up to step 3; resume"), opened(tmp_path, resume=False):
        pass
    assert restored(tmp_path)[0] == 3


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_any_damaged_file_of_the_newest_leads_to_the_one_before(tmp_path, caplog, damage):
    filled(tmp_path / "whole", 10, 20)
    files = [path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole" / "20").rglob("*") if path.is_file()]
    assert len(files) > 8
    for i, name in enumerate(files):
        folder = shutil.copytree(tmp_path / "whole", tmp_path / str(i))
        content = (folder / name).read_bytes()
        middle = len(content) // 2
        (folder / name).write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:]
                                    if damage == "flip" else content[:-1])
        if damage == "delete":
            (folder / name).unlink()
        caplog.clear()
        step, tree, _ = restored(folder)
        assert step == 10 and float(tree["w"][0, 0]) == 10, name
        (record,) = caplog.records
        message = record.getMessage()
        assert record.levelname == "WARNING" and "\n" not in message, message
        assert "step 20" in message and "going on from step 10" in message, message
        assert name.name == SUMS or name.name in message, message


def test_a_damaged_one_gives_way_to_the_next_save_and_not_a_whole_one(tmp_path, caplog):
    filled(tmp_path, 10, 20, 30)
    (tmp_path / "30" / "meta" / "metadata").write_text("{")
    with opened(tmp_path, keep=2) as checkpoints:
        assert checkpoints.restore(small(0))[0] == 20
        assert checkpoints.steps() == [20, 30]   # kept for who wants to look, until then
        checkpoints.save(25, small(25), meta={})
        checkpoints.wait()
        assert checkpoints.steps() == [20, 25]


def test_a_leaf_that_the_storage_changed_is_noticed(tmp_path, caplog):
    """As by a fault between memory and disk: every file is as it was written."""
    filled(tmp_path, 10, 20)
    shutil.rmtree(tmp_path / "20" / "state")
    shutil.copytree(tmp_path / "10" / "state", tmp_path / "20" / "state")
    (tmp_path / "20" / SUMS).write_text(checksums(tmp_path / "20"))
    assert restored(tmp_path)[0] == 10
    assert "step 20 (['step'] is not what was saved)" in caplog.text


def test_when_all_are_damaged_there_is_an_error(tmp_path):
    filled(tmp_path, 10, 20)
    for step in ("10", "20"):
        (tmp_path / step / SUMS).unlink()
    with pytest.raises(InputError, match="every checkpoint is damaged: step 20 .SHA256SUMS: No such file.*step 10"):
        restored(tmp_path)


def test_another_configuration_is_refused_with_the_difference(tmp_path):
    filled(tmp_path, 10)
    other = CONFIGURATION | {"epochs": 9, "devices": 8, "parallel": "pmap", "output": "b"}
    assert restored(tmp_path, configuration=other)[0] == 10
    other = other | {"learning_rate": 0.01, "corruption": {"name": "masking_noise", "std": 0.3}}
    with pytest.raises(InputError) as error:
        restored(tmp_path, configuration=other)
    assert ("another configuration (corruption.rate: 0.5 saved, asked without; corruption.std: saved without, "
            "0.3 asked; learning_rate: 0.001 saved, 0.01 asked); choose") in str(error.value)


def test_a_part_that_is_missing_is_called_so(tmp_path):
    """What a command without --rate, or with it, leaves at None."""
    without, given = CONFIGURATION | {"corruption": None}, CONFIGURATION | {"patience": None}
    filled(tmp_path / "without", 10, configuration=without)
    with pytest.raises(InputError, match=r"\(corruption: saved without, name=masking_noise rate=0.5 asked\)"):
        restored(tmp_path / "without", configuration=given)
    filled(tmp_path / "given", 10, configuration=given)
    with pytest.raises(InputError, match=r"\(corruption: name=masking_noise rate=0.5 saved, asked without\)"):
        restored(tmp_path / "given", configuration=without)
    assert restored(tmp_path / "given", configuration=CONFIGURATION)[0] == 10   # None is as good as nothing


@pytest.mark.parametrize("target, difference", [
    ({"w": jnp.zeros((3, 5)), "step": jnp.int32(0)}, "['w'].shape: [3, 4] saved, [3, 5] asked"),
    ({"w": jnp.zeros((3, 4)), "step": jnp.uint32(0)}, "['step'].dtype: int32 saved, uint32 asked"),
    ({"w": jnp.zeros((3, 4))}, "(['step']: shape=[] dtype=int32 saved, asked without"),
])
def test_another_model_is_refused_with_the_difference(tmp_path, target, difference):
    filled(tmp_path, 10)
    with opened(tmp_path) as checkpoints, pytest.raises(InputError) as error:
        checkpoints.restore(target)
    assert difference in str(error.value)


ON_EIGHT = """
import sys, jax, jax.numpy as jnp, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from aejax.train.checkpoints import Checkpoints
assert not any(name.startswith("orbax") for name in sys.modules)
mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
def spread(value):
    put = lambda leaf, *axes: jax.device_put(leaf, NamedSharding(mesh, P(*axes)))
    return {"w": put(jnp.arange(32.0).reshape(8, 4) * value, "data", "model"), "b": put(jnp.ones(3) * value),
            "key": put(jax.random.key(value))}
with Checkpoints(sys.argv[1], configuration={}, resume=True) as checkpoints:
    for target in (spread(0), {**jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
                                              {k: spread(0)[k] for k in "wb"}), "key": spread(0)["key"]}):
        step, tree, _ = checkpoints.restore(target)
        assert step == 1
        for name, leaf in spread(2).items():
            assert tree[name].sharding == leaf.sharding and (tree[name] == leaf).all(), name
    checkpoints.save(2, spread(3), meta={"devices": jax.device_count()})
"""


def test_eight_devices_and_one_restore_each_others(tmp_path):
    tree = {"w": jnp.arange(32.0).reshape(8, 4) * 2, "b": jnp.ones(3) * 2, "key": jax.random.key(2)}
    with opened(tmp_path, configuration={}) as checkpoints:
        checkpoints.save(1, tree, meta={})
    done = subprocess.run([sys.executable, "-c", ON_EIGHT, tmp_path], capture_output=True, text=True,
                          env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"})
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    with opened(tmp_path, configuration={}) as checkpoints:
        step, back, meta = checkpoints.restore(tree)
    assert (step, meta) == (2, {"devices": 8})
    np.testing.assert_array_equal(back["w"], tree["w"] * 1.5)
    assert back["w"].devices() == {jax.devices()[0]} and back["key"] == jax.random.key(3)


TWO_PROCESSES = """
import sys, jax, jax.numpy as jnp, numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec as P
from aejax.train.checkpoints import Checkpoints
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(f"localhost:{sys.argv[2]}", 2, int(sys.argv[3]))
mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
def spread(value):
    put = lambda array, *axes: jax.make_array_from_callback(array.shape, NamedSharding(mesh, P(*axes)),
                                                            lambda index: array[index])
    return {"shards": put(np.arange(8.0, dtype=np.float32) * value, "data"), "copies": put(np.full(3, value)),
            "own": jnp.int32(value)}
with Checkpoints(sys.argv[1], configuration={}, resume=True) as checkpoints:
    for step in (1, 2, 3):
        checkpoints.save(step, spread(step), meta={})
    checkpoints.wait()
    multihost_utils.sync_global_devices("written")
    step, tree, _ = checkpoints.restore(spread(0))
    assert step == 3
    for name, leaf in spread(3).items():
        assert tree[name].sharding == leaf.sharding
        for mine, shard in zip(tree[name].addressable_shards, leaf.addressable_shards, strict=True):
            np.testing.assert_array_equal(mine.data, shard.data)
    multihost_utils.sync_global_devices("read")
"""


def test_of_two_processes_the_first_writes_and_both_restore(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    flags = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    processes = [subprocess.Popen([sys.executable, "-c", TWO_PROCESSES, tmp_path, port, str(rank)], env=flags,
                                  stderr=subprocess.PIPE, text=True) for rank in range(2)]
    try:
        for process in processes:
            errors = process.communicate(timeout=120)[1]   # one that failed would leave the other waiting
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    tree = {"shards": jnp.zeros(8), "copies": jnp.zeros(3, int), "own": jnp.int32(0)}
    with opened(tmp_path, configuration={}) as checkpoints:
        step, back, _ = checkpoints.restore(tree)
    assert step == 3 and checkpoints.steps() == [2, 3]
    np.testing.assert_array_equal(back["shards"], np.arange(8) * 3)
    np.testing.assert_array_equal(back["copies"], 3)


SAVER = """
import sys, numpy as np
from aejax.train.checkpoints import Checkpoints
with Checkpoints(sys.argv[1], configuration={}, resume=True) as checkpoints:
    target = {"w": np.zeros(50_000), "step": np.zeros((), np.int32)}
    found = checkpoints.restore(target)
    step = 0 if found is None else found[0]
    print(step, flush=True)
    while True:
        step += 1
        checkpoints.save(step, {"w": np.full(50_000, float(step)), "step": np.int32(step)}, meta={"step": step})
"""


def test_kills_while_saving_leave_whole_checkpoints_and_a_lock_to_take_over(tmp_path, caplog):
    reached, rng = [], random.Random(0)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", SAVER, tmp_path], stdout=subprocess.PIPE, text=True) as process:
            reached.append(int(process.stdout.readline()))
            while not any(path.name.isdecimal() and int(path.name) > reached[-1] for path in tmp_path.iterdir()):
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.3))   # anywhere within a save; every moment must do
            with pytest.raises(InputError, match=f"process {process.pid} on .* is writing there"), opened(tmp_path):
                pass
            process.send_signal(signal.SIGKILL)
        assert (tmp_path / "lock.json").exists()
    assert reached == sorted(set(reached))
    with opened(tmp_path, configuration={}) as checkpoints:
        assert f"taken over from process {process.pid}" in caplog.text
        target = {"w": np.zeros(50_000), "step": np.zeros((), np.int32)}
        step, tree, meta = checkpoints.restore(target)
    assert "damaged" not in caplog.text
    assert step > reached[-1] and meta == {"step": step} and tree["step"] == step and (tree["w"] == step).all()
    assert all(path.name.isdecimal() for path in tmp_path.iterdir())


def test_leftovers_of_a_killed_process_are_finished_or_removed(tmp_path):
    filled(tmp_path, 10, 20, 30, keep=3)
    os.rename(tmp_path / "30", tmp_path / "30.partial")          # killed before the last rename
    shutil.copytree(tmp_path / "20", tmp_path / "40.partial")
    (tmp_path / "40.partial" / SUMS).write_text("")               # killed while the digests were written
    (tmp_path / "40.partial.orbax-checkpoint-tmp" / "state").mkdir(parents=True)
    (tmp_path / "5.removed").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    assert restored(tmp_path)[0] == 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["10", "20", "30", "notes.txt"]


@pytest.fixture(params=["largest file", "file system"])
def full_disk(request, tmp_path):
    """A folder for small files alone, and the reason that the system gives for refusing a larger one."""
    folder = tmp_path / "run"
    folder.mkdir()
    if request.param == "file system":
        mounted = shutil.which("mount") and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True).returncode == 0
        if not mounted:
            pytest.skip("mounting a small file system needs root")
        yield folder, "No space left on device"
        subprocess.run(["umount", folder], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield folder, "File too large"
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_line_and_the_checkpoint_before_stays(full_disk, caplog):
    folder, reason = full_disk
    noise = np.random.default_rng(0).random((500, 200))
    with opened(folder) as checkpoints:
        checkpoints.save(1, small(1), meta={})
        checkpoints.save(2, {"w": noise}, meta={})
        with pytest.raises(InputError, match=rf"step 2 could not be written \({reason}\)") as error:
            checkpoints.save(3, small(3), meta={})
        assert "\n" not in str(error.value)
        assert sorted(path.name for path in folder.iterdir()) == ["1", "lock.json"]
        assert checkpoints.restore(small(0))[0] == 1
    with pytest.raises(InputError, match="step 4 could not"), opened(folder) as checkpoints:
        checkpoints.save(4, {"w": noise}, meta={})
    with pytest.raises(RuntimeError, match="what ended the run"), opened(folder) as checkpoints:
        checkpoints.save(5, {"w": noise}, meta={})
        raise RuntimeError("what ended the run")
    (record,) = caplog.records   # nothing of Orbax's own
    assert "step 5 could not be written" in record.getMessage()
    assert restored(folder)[0] == 1


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match="cannot be written"), opened(folder):
            pass
    if os.geteuid() == 0:
        pytest.skip("root may write to a read-only folder")
    (tmp_path / "run").mkdir(mode=0o500)
    with pytest.raises(InputError, match="cannot be written .Permission denied"), opened(tmp_path / "run"):
        pass


@pytest.mark.parametrize("name", ["every", "keep"])
def test_numbers_below_one_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} must be at least 1, got 0"):
        opened(tmp_path, **{name: 0})


def test_layout_on_disk_is_the_documented_one(tmp_path):
    filled(tmp_path, 120)
    assert {path.name for path in (tmp_path / "120").iterdir()} >= {"state", "meta", SUMS}
    about = json.loads((tmp_path / "120" / "meta" / "metadata").read_text())
    assert set(about) == {"step", "loss", "configuration", "meta", "leaves"}
    assert set(about["leaves"]["['w']"]) == {"shape", "dtype", "sha256"}
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=tmp_path / "120", check=True,
                       capture_output=True)
