# SPDX-License-Identifier: MIT
"""Methods and their settings, as the library describes them: nothing here names one."""

from __future__ import annotations

from typing import Any, NamedTuple

from . import _luge


class Setting(NamedTuple):
    """One setting of a method.  kind: real, rate, int, bool, word, list or maybe (a real, or None)."""

    name: str
    kind: str
    range: str
    text: str
    default: Any


class Method(NamedTuple):
    """A method: what it is called, where it is from, its formula, and its tables."""

    name: str
    title: str
    reference: str
    formula: str
    kind: str
    settings: dict[str, Setting]
    slots: dict[str, str]
    inputs: dict[str, str]


def parse(kind: str, text: str) -> Any:
    """A value from its text."""
    if text == "none":
        return None
    if kind == "bool":
        return text == "true"
    if kind == "word":
        return text
    if kind == "int":
        return int(float(text))
    if kind == "list":
        return tuple(float(v) for v in text.strip("()").split(",") if v.strip())
    return float(text)


def render(value: Any) -> str:
    """The text of a value, as luge_set reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "(" + ",".join(render(v) for v in value) + ")"
    return repr(float(value)) if not isinstance(value, int) else str(value)


_known: dict[str, Method] = {}


def methods() -> list[str]:
    """The names of all methods."""
    return _luge.methods()


def method(name: str) -> Method:
    """The description of a method; LookupError where there is none of that name."""
    if name not in _known:
        rows = {row[0]: Setting(*row[:4], parse(row[1], row[4])) for row in _luge.rows(name, "parameters")}
        _known[name] = Method(name, *(_luge.text(name, what) for what in ("title", "reference", "formula", "kind")), rows,
                              {row[0]: row[3] for row in _luge.rows(name, "slots")},
                              {row[0]: row[3] for row in _luge.rows(name, "inputs")})
    return _known[name]


def describe(of: Method) -> str:
    """Formula and settings as a docstring."""
    width = max(len(s) for s in of.settings)
    rows = "\n".join(f"    {s.name:{width}}  {s.text}; {s.kind} {s.range} [{render(s.default)}]" for s in of.settings.values())
    return f"{of.title}. {of.reference}\n\n{of.formula}\n\nSettings\n{rows}\n"


def check(of: Method, given: dict[str, Any]) -> None:
    """TypeError, as Python says it of a keyword that a function does not have."""
    for key in given:
        if key not in of.settings:
            raise TypeError(f"{of.name} has no setting {key!r}; it has {', '.join(of.settings)}")
