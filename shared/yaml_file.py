"""YAML files that people write: exact numbers, one meaning, and every fault with file, field and remedy."""

import reprlib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class Section(BaseModel):
    """A part of a file: what nobody knows is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Exact(yaml.SafeLoader):
    """YAML that means one thing: numbers with a point stay exact decimals, a key stands once, nothing is an alias."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # its stub has no types
            raise yaml.composer.ComposerError(None, None, "an alias: write the value out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := sorted({name for tag, name in names if names.count((tag, name)) > 1}):
            text = f"{', '.join(twice)} is there twice: keep one"
            raise yaml.constructor.ConstructorError(None, None, text, node.start_mark)
        return super().construct_mapping(node, deep)


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    try:
        return Decimal(str(loader.construct_scalar(node)))
    except ArithmeticError:
        text = f"{node.value} is no number to compare with: write a decimal, such as 0.85"
        raise yaml.constructor.ConstructorError(None, None, text, node.start_mark) from None


_Exact.add_constructor("tag:yaml.org,2002:float", _decimal)


def read[Model: BaseModel](file: Path, model: type[Model], faults: list[str]) -> Model | None:
    """The file as the model says; None where it has faults, which are added to the list."""
    try:
        loaded = yaml.load(file.read_text(), Loader=_Exact)  # noqa: S506 - a SafeLoader with exact numbers
    except OSError as error:
        faults.append(f"{file}: {error.strerror}: write it, or name another file in usecase.yml")
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        faults.append(f"{file}: no YAML: {' '.join(str(error).split())}")
        return None
    try:
        return model.model_validate(loaded)
    except ValidationError as error:
        faults += [
            f"{file}: {'.'.join(map(str, each['loc'])) or 'the file'}: {_remedy(each)}"
            for each in error.errors(include_url=False)
        ]
        return None


def _remedy(fault: Any) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "there is no such field: remove it, or mend its spelling"
        case "missing":
            return "the field is missing: add it"
        case _:
            given = fault["input"]
            return str(fault["msg"]) if isinstance(given, dict) else f"{fault['msg']} (it is {reprlib.repr(given)})"
