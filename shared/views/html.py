"""HTML that is escaped unless it was built here: a text is never markup."""

from html import escape

_VOID = {"input", "link", "meta"}


class Html(str):
    """Markup. Whatever is no Html is text, and escaped."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | bool) -> Html:
    """`element("a", "text", href="x")`. An attribute of False is left out; `class_` is class, `aria_label` aria-label.

    Text has every character made visible before by the views; here it is escaped, quotes too.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not False
    )
    inner = "".join(child if isinstance(child, Html) else escape(child) for child in children)
    return Html(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{inner}</{name}>")


def together(*parts: str) -> Html:
    """Parts one after the other; those that are text are escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))
