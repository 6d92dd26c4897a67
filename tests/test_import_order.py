"""The order of the rooms: whoever stands above may use what stands below, and never the reverse."""

import ast
from pathlib import Path

import pytest
from tiny import REPOSITORY

PACKAGE = REPOSITORY / "thrmlDenoising"

FLOORS = [
    {"support"},
    {"data"},
    {"config", "runs"},
    {"processes", "base_graphs", "quality", "networks", "plots"},
    {"sampling"},
    {"training"},
    {"diffusion"},
    {"families"},
    {"DTM", "DTM_config", "step", "utils", "smoke_testing"},
    {"experiments", "evaluate", "train"},
    {"display"},
]
"""From the ground up; rooms of one floor know nothing of each other, but for `SAME_FLOOR`."""

SAME_FLOOR = {
    ("config", "data"),
    ("plots", "base_graphs"),  # a graph is drawn
    ("smoke_testing", "DTM"),
    ("smoke_testing", "utils"),
    ("DTM_config", "utils"),
}


def imports_of(path: Path) -> set[str]:
    """All modules of the package that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("thrmlDenoising"):
            assert node.module is not None
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if "thrmlDenoising" in alias.name}
    return found


def only_for_types(path: Path) -> set[str]:
    """What is imported for type checkers alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom) and inner.module:
                    found |= {f"{inner.module}.{alias.name}" for alias in inner.names}
    return found


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "thrmlDenoising"


def floor_of(room: str) -> int:
    return next(floor for floor, rooms in enumerate(FLOORS) if room in rooms)


def arrows() -> set[tuple[str, str, str]]:
    """Who imports whom, and where; the package itself offers what stands in it, see its head."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        inside = path.relative_to(PACKAGE)
        if inside.name == "__init__.py" and len(inside.parts) == 1:
            continue
        room = inside.parts[0].removesuffix(".py")
        for module in imports_of(path) - only_for_types(path):
            if room_of(module) not in (room, "__version__"):
                found.add((room, room_of(module), str(inside)))
    return found


def wrong(drawn: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """The arrows that run up, or across a floor."""

    def runs_up(room: str, used: str) -> bool:
        across = floor_of(room) == floor_of(used) and (room, used) not in SAME_FLOOR
        return floor_of(used) > floor_of(room) or across

    return {arrow for arrow in drawn if runs_up(*arrow[:2])}


def test_every_room_has_a_floor():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__", "py"} == set.union(*FLOORS)


def test_no_arrow_runs_up():
    assert wrong(arrows()) == set()


@pytest.mark.parametrize(
    "arrow",
    [("training", "families"), ("support", "data"), ("families", "DTM"), ("config", "runs")],
)
def test_an_arrow_that_runs_up_would_be_seen(arrow):
    assert wrong({(*arrow, "somewhere.py")})


def test_families_know_nothing_of_each_other():
    families = PACKAGE / "families"
    for path in families.rglob("*.py"):
        own = path.relative_to(families).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for module in imports_of(path):
            parts = module.split(".")
            assert parts[1] != "families" or parts[2] == own, f"{path} imports {module}"


NETWORKS = {"classifier.py", "train_classifier.py"}
"""A network for features is JAX's work, as is the program that has made its weights."""


def test_what_judges_images_knows_no_model_and_no_jax():
    for path in (PACKAGE / "quality").rglob("*.py"):
        if path.name in NETWORKS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            name
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not {name for name in names if name.partition(".")[0] in ("jax", "equinox")}, path
