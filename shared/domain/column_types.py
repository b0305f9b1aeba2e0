"""The types of columns that a use case may ask for: DuckDB's names of those that a Delta table can hold.

Written out, as DuckDB is not asked while use cases are loaded; a test asks it for every name that it has.
"""

import re
from collections.abc import Callable

_TEXTS = (
    "VARCHAR CHAR BPCHAR NVARCHAR STRING TEXT NCHAR,CHARACTER,CHARACTER VARYING,CHAR VARYING,NATIONAL CHARACTER,"
    "NATIONAL CHAR,NCHAR VARYING,NATIONAL CHARACTER VARYING,NATIONAL CHAR VARYING"
)
_NUMBERS = (
    "BOOLEAN BOOL LOGICAL TINYINT INT1 SMALLINT INT2 INT16 SHORT INTEGER INT INT4 INT32 INTEGRAL SIGNED BIGINT INT8"
    " INT64 LONG OID HUGEINT INT128 UTINYINT UINT8 USMALLINT UINT16 UINTEGER UINT32 UBIGINT UINT64 UHUGEINT UINT128"
    " BIGNUM VARINT DOUBLE FLOAT8 FLOAT FLOAT4 REAL,DOUBLE PRECISION"
)
_OTHERS = (
    "DATE TIMESTAMP DATETIME TIMESTAMP_MS TIMESTAMP_US TIMESTAMPTZ BLOB BINARY BYTEA VARBINARY UUID GUID JSON"
    " GEOMETRY,TIMESTAMP WITH TIME ZONE,TIMESTAMP WITHOUT TIME ZONE"
)
_REFUSED = (
    "TIME TIMETZ TIME_NS INTERVAL BIT BITSTRING TIMESTAMP_S TIMESTAMP_NS UNION VARIANT TYPE,TIME WITH TIME ZONE,"
    "TIME WITHOUT TIME ZONE"
)


def _names(text: str) -> frozenset[str]:
    words, *phrases = text.split(",")
    return frozenset({*words.split(), *(each.strip() for each in phrases)})


TEXTS, NOT_OF_DELTA = _names(_TEXTS), _names(_REFUSED)
PLAIN = TEXTS | _names(_NUMBERS) | _names(_OTHERS)
DECIMALS = frozenset({"DECIMAL", "DEC", "NUMERIC"})

EXAMPLES = (
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL(18,3)", "VARCHAR"),
    *("DATE", "TIMESTAMP", "TIMESTAMPTZ", "BLOB", "UUID", "JSON", "ENUM('a', 'b')"),
    *("BIGINT[]", "STRUCT(a BIGINT, b VARCHAR)", "MAP(VARCHAR, BIGINT)"),
)
REMEDY = f"write a type such as {', '.join(EXAMPLES)}"

_TOKEN = re.compile(r"""\s*("(?:[^"]|"")+"|'(?:[^']|'')*'|\w+|[()\[\],])""")
_ARGUMENTS: dict[str, Callable[[list[int]], bool]] = {
    **dict.fromkeys(TEXTS, lambda given: len(given) == 1),
    **dict.fromkeys(DECIMALS, lambda given: given[0] in range(1, 39) and given[1:] in ([], [min(given)])),
    **dict.fromkeys(("TIMESTAMP", "DATETIME"), lambda given: len(given) == 1 and given[0] in range(1, 7)),
    "FLOAT": lambda given: len(given) == 1 and given[0] in range(1, 54),
}


def demand(kind: str) -> str:
    """The same name of a type. Raises ValueError with the remedy for what is none, and for what Delta lacks."""
    if not re.fullmatch(rf"(?:{_TOKEN.pattern})*\s*", kind):
        raise ValueError(f"no type: {REMEDY}")
    left = [*(each[1] for each in _TOKEN.finditer(kind)), ""]
    _type(left)
    if left != [""]:
        raise ValueError(f"no type, for its {left[0]}: {REMEDY}")
    return kind


def _type(left: list[str]) -> None:
    """Take one type off the tokens that are left."""
    words = []
    while re.fullmatch(r"\w+|\".+\"", left[0], re.DOTALL):
        words.append(left.pop(0).strip('"').upper())
    if words[-1:] == ["ARRAY"]:
        words.pop()
        left[0:0] = ["[", "]"] if left[0] != "[" else []
    _of_name(" ".join(words), left)
    while left[0] == "[":
        left.pop(0)
        if left[0].isdecimal():
            left.pop(0)
        _take(left, "]")


def _of_name(name: str, left: list[str]) -> None:
    """Take what belongs to the name off: the parts of a type of several, or the numbers in brackets."""
    match name:
        case "STRUCT" | "ROW":
            _list(left, _field)
        case "MAP":
            if _list(left, _type) != len(("key", "value")):
                raise ValueError(f"no type, as a MAP is of two: {REMEDY}")
        case "ENUM":
            _list(left, _text)
        case _ if name in NOT_OF_DELTA or name.startswith("INTERVAL "):
            raise ValueError(f"{name} is what a Delta table cannot be: {REMEDY}")
        case _ if name not in PLAIN | DECIMALS:
            raise ValueError(f"DuckDB has no type {name or left[0]}: {REMEDY}")
        case _ if left[0] == "(":
            given: list[int] = []
            _list(left, lambda rest: given.append(_number(rest)))
            if name not in _ARGUMENTS or not _ARGUMENTS[name](given):
                said = ", ".join(map(str, given))
                raise ValueError(f"no type, or none of a Delta table, is {name}({said}): {REMEDY}")


def _field(left: list[str]) -> None:
    if len(left) > 1:
        left.pop(0)  # its name
    _type(left)


def _text(left: list[str]) -> None:
    if not left[0].startswith("'"):
        raise ValueError(f"no type, as an ENUM is of texts: {REMEDY}")
    left.pop(0)


def _number(left: list[str]) -> int:
    if not left[0].isdecimal():
        raise ValueError(f"no type, for its {left[0] or 'end'}: {REMEDY}")
    return int(left.pop(0))


def _list(left: list[str], each: Callable[[list[str]], None]) -> int:
    """Take `(one, other)` off, each of its parts by `each`; how many."""
    _take(left, "(")
    count = 1
    each(left)
    while left[0] == ",":
        left.pop(0)
        each(left)
        count += 1
    _take(left, ")")
    return count


def _take(left: list[str], token: str) -> None:
    if left[0] != token:
        raise ValueError(f"no type, as a {token} is missing: {REMEDY}")
    left.pop(0)
