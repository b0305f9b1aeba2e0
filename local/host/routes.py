"""ASP.NET route templates, as HTTP triggers use them: ``items/{id:int}/{view?}``, ``files/{*path}``.

Literals match in any case. Of several templates that match, the more specific wins: a literal before a constrained
parameter, that before a free one, a catch-all last, segment by segment.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

PARAMETER = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>[A-Za-z_]\w*)"
    r"(?P<constraints>(?::\w+(?:\((?:[^()]|\([^()]*\))*\))?)*)"
    r"(?:=(?P<default>[^{}?]*))?(?P<optional>\??)\}"
)
CONSTRAINT = re.compile(r":(\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?")

type Check = Callable[[str], bool]


def _parses(read: Callable[[str], object]) -> Check:
    def check(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return check


def _whole(bits: int) -> Check:
    limit = 1 << (bits - 1)
    return lambda text: re.fullmatch(r"[+-]?\d+", text) is not None and -limit <= int(text) < limit


PLAIN: dict[str, Check] = {
    "int": _whole(32),
    "long": _whole(64),
    "bool": lambda text: text.lower() in {"true", "false"},
    "guid": _parses(uuid.UUID),
    "alpha": lambda text: re.fullmatch("[A-Za-z]*", text) is not None,
    "decimal": _parses(float),
    "double": _parses(float),
    "float": _parses(float),
    "datetime": _parses(datetime.fromisoformat),
    "required": bool,
}
NUMERIC: dict[str, Callable[[int, int], Check]] = {
    "length": lambda low, high: lambda text: low <= len(text) <= high,
    "minlength": lambda low, _: lambda text: len(text) >= low,
    "maxlength": lambda low, _: lambda text: len(text) <= low,
    "min": lambda low, _: lambda text: _whole(64)(text) and int(text) >= low,
    "max": lambda low, _: lambda text: _whole(64)(text) and int(text) <= low,
    "range": lambda low, high: lambda text: _whole(64)(text) and low <= int(text) <= high,
}


def _check_of(kind: str, argument: str) -> Check:
    """Build one constraint; ValueError when there is none of that name or its argument cannot be read."""
    if kind in PLAIN:
        return PLAIN[kind]
    if kind == "regex":
        expression = re.compile(argument.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
        return lambda text: expression.search(text) is not None
    if kind not in NUMERIC:
        raise ValueError(f"there is no route constraint {kind!r}")
    numbers = [int(each) for each in argument.split(",")]
    return NUMERIC[kind](numbers[0], numbers[-1])


@dataclass(frozen=True, kw_only=True)
class Route:
    """A compiled template."""

    template: str
    expression: re.Pattern[str]
    names: tuple[str, ...]
    checks: tuple[tuple[str, Check], ...]
    defaults: dict[str, str]
    precedence: tuple[int, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parameters of a decoded path (without its leading slash), or None."""
        found = self.expression.fullmatch("/" + path.strip("/"))
        if found is None:
            return None
        values = {name: found.group(index + 1) for index, name in enumerate(self.names)}
        given = {name: value for name, value in values.items() if value}
        if all(check(given[name]) for name, check in self.checks if name in given):
            return {**self.defaults, **given}
        return None


def compile_route(template: str) -> Route:
    """Read a template; ValueError says what is wrong with it."""
    expression, names, checks, defaults, precedence = "", [], [], {}, []
    for segment in _segments(template):
        parameters = list(PARAMETER.finditer(segment))
        whole = len(parameters) == 1 and parameters[0].group() == segment
        part, position = "", 0
        for parameter in parameters:
            part += _literal(template, segment[position : parameter.start()])
            position = parameter.end()
            names.append(parameter["name"])
            kinds = CONSTRAINT.findall(parameter["constraints"])
            checks += [(parameter["name"], _check_of(kind, argument)) for kind, argument in kinds]
            if parameter["default"] is not None:
                defaults[parameter["name"]] = parameter["default"]
            part += "(.*)" if parameter["star"] else "([^/]+?)"
        part += _literal(template, segment[position:])
        loose = whole and (parameters[0]["star"] or parameters[0]["optional"] or parameters[0]["default"] is not None)
        expression += f"(?:/{part})?" if loose else f"/{part}"
        precedence.append(_rank(parameters))
    return Route(
        template=template,
        expression=re.compile(expression or "/", re.IGNORECASE),
        names=tuple(names),
        checks=tuple(checks),
        defaults=defaults,
        precedence=tuple(precedence),
    )


def _segments(template: str) -> list[str]:
    """Cut at slashes outside braces."""
    return [each for each in re.findall(r"(?:\{(?:[^{}]|\{\{|\}\})*\}|[^/])+", template.strip("/")) if each]


def _literal(template: str, text: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError(f"route {template!r}: cannot read {text!r}")
    return re.escape(text)


def _rank(parameters: list[re.Match[str]]) -> int:
    if not parameters:
        return 1
    constrained = any(each["constraints"] for each in parameters)
    caught = any(each["star"] for each in parameters)
    return {(False, True): 2, (False, False): 3, (True, True): 4, (True, False): 5}[(caught, constrained)]
