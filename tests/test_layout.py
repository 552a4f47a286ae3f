"""Who may import whom: downward only, lazy imports included; and where `jit` may appear."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "aejax"
LAYERS = [
    {"errors", "flags", "help_text"}, {"types"}, {"files", "threefry", "codebooks"}, {"locking"},
    {"corruptions", "losses", "networks", "bottlenecks", "importance", "divergences", "jacobian", "metrics", "data",
     "photographs"},
    {"autoencoder"}, {"variants", "train", "layer_watch"}, {"recipes", "applications"},
    {"runs", "figures", "trackers", "tracking", "measured_noise", "left_over", "loss_courses"},
    {"report", "estimators", "doctor", "contact_sheet", "listing", "detection", "codecs", "run_priors", "pretrained",
     "training_doctor"},
    {"workflows", "export"}, {"measuring", "captioning"}, {"compare", "grids", "explorer", "gallery"}, {"verbs"},
    {"cli"},
]
SHARED_BY_VERBS = {"common": 0, "recipes": 1}   # all other modules are families
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
INSIDE_TRAIN = {"resident": -1, "step": 0, "memory": 0, "leaves": 0, "storage": 0, "differences": 0, "hosts": 0,
                "devices": 0, "interruption": 0, "optimizers": 0, "feed": 1, "evaluation": 1, "diagnosis": 1,
                "checkpoints": 1, "parallel": 2, "progress": 2, "points": 2, "fit": 3, "sweep_result": 2, "sweep": 3}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imported(path: Path) -> set[tuple[str, ...]]:
    """Every module of aejax that a file imports, as path parts below aejax; `from aejax import x` gives ("x",)."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = tuple(node.module.split("."))
            found |= {base + (alias.name,) for alias in node.names} if base == ("aejax",) else {base}
    return {parts[1:] for parts in found if parts[0] == "aejax" and parts[1:] not in {(), ("__version__",)}}


def room(path: Path) -> tuple[str, ...]:
    return path.relative_to(PACKAGE).with_suffix("").parts


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(room(path)))
def test_imports_go_downward(path):
    own = room(path)
    for target in imported(path):
        if target[0] != own[0]:
            assert RANK[target[0]] < RANK[own[0]], f"{own} imports {target}"
        elif own[0] == "variants" and own[-1] != "__init__":
            pytest.fail(f"variants import each other: {own} imports {target}")
        elif own[0] in ("verbs", "flags") and own[-1] != "__init__":
            allowed = SHARED_BY_VERBS.get(target[-1], 2) < SHARED_BY_VERBS.get(own[-1], 2)
            assert allowed, f"families import each other: {own}, {target}"
        elif own[0] == "train" and own[-1] != "__init__":
            assert INSIDE_TRAIN[target[1]] < INSIDE_TRAIN[own[1]], f"{own} imports {target}"


def test_every_module_has_a_place():
    assert {room(path)[0] for path in SOURCES} <= set(RANK)


@pytest.mark.parametrize("folder", ["train", "applications"])
def test_training_and_applications_know_no_variant(folder):
    for path in (PACKAGE / folder).glob("*.py"):
        assert not any(target[0] == "variants" for target in imported(path)), path


def test_jit_appears_from_training_upward():
    low = [path for path in SOURCES if RANK[room(path)[0]] <= RANK["autoencoder"] or room(path)[0] == "variants"]
    assert len(low) > 20
    for path in low:
        assert "jax.jit" not in path.read_text() and "@jit" not in path.read_text(), path


def test_matplotlib_in_one_place_and_no_experiments():
    for path in SOURCES:
        names = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)
                 for alias in node.names}
        names |= {node.module for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
        tops = {name.split(".")[0] for name in names}
        assert "experiments" not in tops and "pickle" not in tops, path
        assert "matplotlib" not in tops or room(path)[0] == "figures", path


def test_every_source_file_has_its_test_file():
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    missing = [path for path in SOURCES if path.name != "__init__.py" and f"test_{path.name}" not in tests]
    assert not missing
