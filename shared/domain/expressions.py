"""Expressions over evidence: a small part of Python's grammar, read into a tree and walked, never evaluated by Python.

Allowed are metric names with dots (`champion.rmse`), decimals, + - * /, comparisons, and, or, not, min, max, abs.
Numbers are exact decimals: 0.1 + 0.2 is 0.3.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

LONGEST, MOST_NODES = 500, 100

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Decimal, Decimal], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: Mapping[str, Callable[..., Decimal]] = {"min": min, "max": max, "abs": abs}


class ExpressionError(ValueError):
    """It is no expression of this grammar, or it has no value: the text says why."""


def parse(text: str) -> ast.expr:
    """The tree of an expression that says yes or no. Raises ExpressionError."""
    if len(text) > LONGEST:
        raise ExpressionError(f"longer than {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"no expression: {error}") from error
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise ExpressionError(f"of more than {MOST_NODES} parts")
    if not _says_yes_or_no(tree):
        raise ExpressionError("it says neither yes nor no: compare something, such as rmse <= 30")
    _check(tree)
    return tree


def names(tree: ast.expr) -> frozenset[str]:
    """The metrics that it asks for."""
    if (name := _name(tree)) is not None:
        return frozenset({name})
    children = [child for child in ast.iter_child_nodes(tree) if isinstance(child, ast.expr)]
    if isinstance(tree, ast.Call):
        children = list(tree.args)
    return frozenset().union(*(names(child) for child in children))


def holds(tree: ast.expr, number: Callable[[str], Decimal]) -> bool:
    """Is it true of these numbers? Every part is looked at: what has no value is never skipped.

    Raises ExpressionError, and what `number` raises.
    """
    match tree:
        case ast.BoolOp(op=op, values=parts):
            said = [holds(each, number) for each in parts]
            return all(said) if isinstance(op, ast.And) else any(said)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not holds(operand, number)
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(each, number) for each in (left, *others)]
            pairs = zip(ops, values, values[1:], strict=False)
            return all(_COMPARISONS[type(op)](one, other) for op, one, other in pairs)
        case _:
            raise ExpressionError("it says neither yes nor no")


def _value(tree: ast.expr, number: Callable[[str], Decimal]) -> Decimal:
    if (name := _name(tree)) is not None:
        return number(name)
    try:
        match tree:
            case ast.Constant(value=value):
                return Decimal(repr(value))
            case ast.UnaryOp(operand=operand):
                return -_value(operand, number)
            case ast.BinOp(left=left, op=op, right=right):
                return _ARITHMETIC[type(op)](_value(left, number), _value(right, number))
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return _FUNCTIONS[function](*(_value(each, number) for each in arguments))
    except (InvalidOperation, ArithmeticError) as error:
        raise ExpressionError(f"{ast.unparse(tree)} has no value ({type(error).__name__})") from error
    raise ExpressionError(f"{ast.unparse(tree)} is no number")


def _check(tree: ast.expr) -> None:
    """Only what is allowed, all the way down. Raises ExpressionError."""
    if _name(tree) is not None:
        return
    parts = _parts(tree)
    wanted = isinstance(tree, ast.BoolOp) or (isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not))
    for part in parts:
        if _says_yes_or_no(part) != wanted:
            said = "a number, where yes or no" if wanted else "yes or no, where a number"
            raise ExpressionError(f"{ast.unparse(part)[:80]!r} is {said} is needed")
        _check(part)


def _parts(tree: ast.expr) -> list[ast.expr]:
    """What it is made of, if it is allowed. Raises ExpressionError."""
    match tree:
        case ast.BoolOp(values=parts):
            return parts
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            return [operand]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
            return [left, *others]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return [left, right]
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return []
        case ast.Call(func=ast.Name(id=name), args=[_, *more] as parts, keywords=[]) if name in _FUNCTIONS:
            if (name == "abs") != bool(more):  # the others take several
                return parts
    raise ExpressionError(f"{ast.unparse(tree)[:80]!r} is not allowed in an expression")


def _says_yes_or_no(tree: ast.expr) -> bool:
    return isinstance(tree, ast.BoolOp | ast.Compare) or (
        isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
    )


def _name(tree: ast.expr) -> str | None:
    """`champion.rmse`, which Python reads as an attribute of a name."""
    match tree:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            before = _name(value)
            return None if before is None else f"{before}.{attribute}"
        case _:
            return None
