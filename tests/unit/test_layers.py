"""The arrows of the house: who may import whom, read from every import statement, also those inside functions."""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
OURS = ("function_app", "functions", "shared", "local", "ops")
LONG = {"shared/domain/facts.py", "shared/views/sentences.py", "shared/ports.py"}  # side by side what is of one kind

CORE = (
    "shared.domain",
    "shared.ports",
    "shared.notes",
    "shared.profiles",
    "shared.quarantine",
    "shared.telemetry",
    "shared.errors",
    "shared.handover",
)
# What a module may import of ours: the longest prefix of its name counts. Its own package is always allowed.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "shared.errors": (),
    "shared.domain": ("shared.errors",),
    "shared.ports": ("shared.domain",),
    "shared.notes": (),
    "shared.profiles": ("shared.domain",),
    "shared.data_sections": ("shared.domain", "shared.yaml_file"),
    "shared.drift_section": ("shared.domain", "shared.yaml_file"),
    "shared.scoring_section": ("shared.domain", "shared.data_sections", "shared.yaml_file"),
    "shared.quarantine": ("shared.domain", "shared.ports"),
    "shared.handover": ("shared.domain", "shared.ports", "shared.quarantine"),
    "shared.wire": ("shared.domain", "shared.errors"),
    "shared.steps": CORE,
    "shared.views": CORE,
    "shared.yaml_file": (),
    "shared.sections": ("shared.domain", "shared.errors", "shared.yaml_file"),
    "shared.gate_file": ("shared.domain", "shared.errors", "shared.sections", "shared.yaml_file"),
    "shared.usecase": (
        "shared.data_sections",
        "shared.domain",
        "shared.drift_section",
        "shared.errors",
        "shared.gate_file",
        "shared.scoring_section",
        "shared.sections",
        "shared.yaml_file",
    ),
    "shared.settings": ("shared.domain", "shared.errors"),
    "shared.adapters": (*CORE, "shared.wire"),
    "shared.dispatch": (*CORE, "shared.wire", "shared.steps"),
    "shared.opened": ("shared.domain", "shared.adapters", "shared.settings"),
    "shared.bootstrap": (
        *CORE,
        "shared.opened",
        "shared.adapters",
        "shared.dispatch",
        "shared.settings",
        "shared.steps",
        "shared.usecase",
        "shared.wire",
    ),
    "shared.trial": (*CORE, "shared.adapters", "shared.steps"),
    "shared.sign_in": ("shared.adapters", "shared.domain", "shared.errors", "shared.settings", "shared.wire"),
    "shared.installation": ("shared.adapters", "shared.settings", "shared.wire"),
    "shared": (),
    "functions": (
        "shared.domain",
        "shared.sign_in",
        "shared.errors",
        "shared.bootstrap",
        "shared.dispatch",
        "shared.opened",
        "shared.settings",
        "shared.views",
    ),
    "function_app": ("functions",),
    "ops": (
        *CORE,
        "shared.bootstrap",
        "shared.gate_file",
        "shared.installation",
        "shared.opened",
        "shared.settings",
        "shared.trial",
        "shared.usecase",
        "shared.views",
    ),
    "local": (
        *CORE,
        "shared.bootstrap",
        "shared.gate_file",
        "shared.installation",
        "shared.opened",
        "shared.settings",
        "shared.usecase",
        "shared.views",
    ),
    "local.child": (),
    "local.databricks": ("local.child",),
    "local.host": ("local.child",),
    "local.servicebus": ("local.child",),
    "sluice_ml": (),
    "usecases": (),
}
STANDARD_LIBRARY_ONLY = (
    "shared.domain",
    "shared.errors",
    "shared.ports",
    "shared.notes",
    "shared.profiles",
    "shared.quarantine",
    "shared.telemetry",
    "shared.steps",
    "shared.dispatch",
    "local.child",
)


def module_of(file: Path) -> str:
    """The dotted name under which the file is imported."""
    relative = file.relative_to(PROJECT)
    parts = relative.parts[2:] if relative.parts[0] == "ml" else relative.parts
    return ".".join([*parts[:-1], *([] if file.stem == "__init__" else [file.stem])])


def files() -> Iterator[Path]:
    """Every module; a notebook is none, and may use what the jobs are made of."""
    yield PROJECT / "function_app.py"
    for folder in ("functions", "shared", "local", "ops", "ml/src", "usecases"):
        yield from sorted(each for each in (PROJECT / folder).rglob("*.py") if each.parent.name != "notebooks")


MODULES = {module_of(file): file for file in files()}
NAMES = {*MODULES, *(name.rpartition(".")[0] for name in MODULES)}


def imported_by(module: str, *, when_run: bool = False) -> Iterator[tuple[str, int]]:
    """Every module that it imports, wherever the statement stands, and the line; `when_run`: not for its types only."""
    file = MODULES[module]
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(file.read_text())
    skipped = set(_for_types_only(tree)) if when_run else set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner if inner in NAMES else base), node.lineno


def _for_types_only(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.body:
                yield from ast.walk(statement)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def layer_of(module: str) -> str:
    """The entry that says what the module may import."""
    return max((layer for layer in MAY_IMPORT if is_within(module, layer)), key=len, default="")


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in (*OURS, "tests", "sluice_ml", "usecases")


def trespasses(module: str) -> list[str]:
    layer = layer_of(module)
    allowed = (layer, *MAY_IMPORT[layer])
    return [
        f"{MODULES[module].relative_to(PROJECT)}:{line} imports {imported}"
        for imported, line in imported_by(module)
        if is_ours(imported) and not (imported == "shared" or any(is_within(imported, each) for each in allowed))
    ]


def test_every_module_has_a_layer() -> None:
    assert len(MODULES) > 100
    assert [module for module in MODULES if not layer_of(module)] == []


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_layer_imports_only_what_it_may(layer: str) -> None:
    assert [found for module in MODULES if layer_of(module) == layer for found in trespasses(module)] == []


@pytest.mark.parametrize("layer", STANDARD_LIBRARY_ONLY)
def test_core_needs_nothing_but_the_standard_library(layer: str) -> None:
    foreign = [
        f"{module}:{line} imports {imported}"
        for module in MODULES
        if is_within(module, layer)
        for imported, line in imported_by(module)
        if not is_ours(imported) and imported.partition(".")[0] not in sys.stdlib_module_names
    ]
    assert foreign == []


def test_nothing_of_ours_imports_the_ml_package() -> None:
    """They meet in job parameters, MLflow tags and logged artefacts."""
    of_ml = [
        f"{module}:{line}"
        for module in MODULES
        if module.partition(".")[0] in OURS
        for imported, line in imported_by(module)
        if is_within(imported, "sluice_ml")
    ]
    assert of_ml == []


def test_entry_points_do_not_import_one_another() -> None:
    """Said apart from the table above, because it must hold however the table is changed."""
    for module in MODULES:
        own = module.partition(".")[0]
        others = {"functions", "local", "ops"} - {own}
        if own in ("functions", "local", "ops", "shared"):
            assert [imported for imported, _ in imported_by(module) if imported.partition(".")[0] in others] == [], (
                module
            )


def test_only_what_wires_them_names_adapters() -> None:
    naming = {
        module
        for module in MODULES
        for imported, _ in imported_by(module)
        if is_within(imported, "shared.adapters") and not is_within(module, "shared.adapters")
    }
    assert naming == {"shared.bootstrap", "shared.installation", "shared.opened", "shared.sign_in", "shared.trial"}


def test_there_are_no_import_cycles() -> None:
    """Also none that an import inside a function would only hide; a type may be known from both sides."""
    graph = {
        module: {
            imported
            for imported, _ in imported_by(module, when_run=True)
            if imported in MODULES and not is_within(module, imported)
        }
        for module in MODULES
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))
    assert order.index("shared.domain.facts") < order.index("shared.bootstrap") < order.index("function_app")


def test_no_module_holds_more_than_one_idea() -> None:
    lengths = {
        str(file.relative_to(PROJECT)): len(file.read_text().splitlines()) for module, file in MODULES.items() if module
    }
    assert {name: length for name, length in lengths.items() if length > 300 and name not in LONG} == {}
    assert all(lengths[name] > 300 for name in LONG)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import local.demo", ["local.demo"]),
        ("from local import demo", ["local.demo"]),
        ("from local.demo import demo", ["local.demo"]),
        ("def late():\n    import local.demo", ["local.demo"]),
        ("if TYPE_CHECKING:\n    from shared.adapters import mlflow", ["shared.adapters.mlflow"]),
        ("from ..domain import facts", ["shared.domain.facts"]),
        ("from . import decision", ["shared.steps.decision"]),
    ],
)
def test_imports_are_found_wherever_they_stand(
    source: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that overlooks some would make every test above pass."""
    file = tmp_path / "probe.py"
    file.write_text(source)
    monkeypatch.setitem(MODULES, "shared.steps.probe", file)
    assert [imported for imported, _ in imported_by("shared.steps.probe")] == found
