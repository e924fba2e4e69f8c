"""Configurations: frozen dataclasses of fields with bounds and descriptions, checked by pydantic.

The fields declare their bounds::

    @configuration
    class Blur:
        width: float = Field(default=1.0, ge=0, le=20, title="Blur", description="In pixels.")

Forms, command line and documents are made from these fields (:func:`parameters_of`), and files
are read through them (:func:`read_configuration`), so that all inputs get the same checks.
"""

from __future__ import annotations

import difflib
import reprlib
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, dataclass_transform, get_args, get_origin

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

CHECKS = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""Strict checks: no text or boolean for a number, no fraction for a whole number, no NaN."""
_KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "tuple_type": "a list of numbers",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "dataclass_exact_type": "a {class_name}",
    "greater_than_equal": "at least {ge:.10g}",
    "less_than_equal": "at most {le:.10g}",
    "greater_than": "above {gt:.10g}",
    "multiple_of": "a multiple of {multiple_of:.10g}",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text like {pattern}",
    "missing": "a longer list",
    "too_short": "a list of at least {min_length} numbers",
    "too_long": "a list of at most {max_length} numbers",
}
"""Expected value in words, by pydantic's error type."""
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80

_C = TypeVar("_C")


@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def configuration(cls: type[_C]) -> type[_C]:
    """Make a frozen dataclass whose values are checked against its fields.

    Lists and arrays become tuples, and NumPy's numbers Python's.

    Raises
    ------
    ValueError
        From the new class: names the field, what was expected and what was found.
    """
    made: Any = checked_dataclass(frozen=True, config=CHECKS)(cls)
    check = made.__init__

    @wraps(check)
    def init(self: Any, /, *args: Any, **values: Any) -> None:
        try:
            check(self, *_plain(args), **{name: _plain(value) for name, value in values.items()})
        except ValidationError as error:
            raise ValueError(_worded(error, made)) from None

    made.__init__ = init
    return made  # type: ignore[no-any-return]


def read_configuration(config: type[_C], text: str | bytes, *, echo: bool = True) -> _C:
    """Read a configuration from a JSON object; raises ValueError as the class itself does.

    Without ``echo`` the message has nothing of the text: it may come from a file that was given by
    mistake, or by somebody else.
    """
    try:
        return TypeAdapter(config).validate_json(text)
    except ValidationError as error:
        raise ValueError(_worded(error, config, echo)) from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    return tuple(map(_plain, value)) if type(value) in (list, tuple) else value


@dataclass(frozen=True)
class Parameter:
    """Description of a field that a user may set, for forms, command line and documents.

    Parameters
    ----------
    name : str
        Name of the field.
    title, description : str
        A label of a few words, and its meaning in a sentence.
    default : int, float or str
        Default, whose type is that of the field.
    low, high : float, optional
        Range.
    step : float, optional
        Step of a slider or spin box.
    choices : tuple of str
        Allowed values; empty for numbers.
    """

    name: str
    title: str
    description: str
    default: Any
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()


def parameters_of(config: Any) -> tuple[Parameter, ...]:
    """Return the fields of a configuration (or its class) that a user may set, in order.

    These are the fields with a title. Their range is that of the bounds, unless a field's
    ``json_schema_extra`` has a narrower ``low`` and ``high`` for forms.
    """
    fields = config.__pydantic_fields__.items()
    return tuple(_parameter(name, spec) for name, spec in fields if spec.title)


def _parameter(name: str, spec: FieldInfo) -> Parameter:
    range_ = dict(zip(("low", "high"), _bounds(spec), strict=True))
    choices = get_args(spec.annotation) if get_origin(spec.annotation) is Literal else ()
    options: Any = {**range_, **(spec.json_schema_extra or {}), "choices": choices}  # type: ignore[dict-item]
    return Parameter(name, spec.title or "", spec.description or "", spec.default, **options)


def _bounds(spec: FieldInfo | None) -> tuple[float | None, float | None]:
    ends = [] if spec is None else spec.metadata
    low = next((end.ge for end in ends if hasattr(end, "ge")), None)
    return low, next((end.le for end in ends if hasattr(end, "le")), None)


def _worded(error: ValidationError, config: Any, echo: bool = True) -> str:
    """Return a sentence about the first invalid value: its name, expected and found.

    Without ``echo`` it names fields of the configuration only, and kinds of values.
    """
    problem = error.errors(include_url=False)[0]
    kind, context, steps = problem["type"], problem.get("ctx", {}), problem["loc"]
    short = kind == "missing" and isinstance(steps[-1], int)
    steps = steps[:-1] if short else steps  # name the list, not its missing item
    name, spec, known = _locate(steps, config, echo)
    if kind == "value_error":
        return f"{name}: {context['error']}" if name else str(context["error"])
    if kind == "unexpected_keyword_argument":
        return _unknown(name, known) if echo else _unnamed(name, steps[-1], known)
    if kind in ("missing", "missing_argument") and not short:
        return f"{name} is missing."
    if kind == "json_invalid":
        return f"expected JSON, found an error: {context['error']}."
    name, expected = name or "the configuration", _expected(kind, context, spec)
    if expected is None:
        return f"{name} cannot be used: {problem['msg']}."
    found = _short.repr(problem["input"]) if echo else _kind_of(problem["input"])
    return f"{name} must be {expected}, found {found}."


def _expected(kind: str, context: Mapping[str, Any], spec: FieldInfo | None) -> str | None:
    if kind == "literal_error":
        return f"one of {context['expected'].replace(' or ', ', ').replace(chr(39), '')}"
    items = get_args(spec.annotation) if spec and get_origin(spec.annotation) is tuple else ()
    if items and kind in ("tuple_type", "missing", "too_long") and Ellipsis not in items:
        return f"a list of {len(items)} numbers"
    low, high = _bounds(spec)
    if low is None or high is None:
        return _KINDS[kind].format(**context) if kind in _KINDS else None
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"from {low:.10g} to {high:.10g}"
    return f"{_KINDS[kind]} from {low:.10g} to {high:.10g}" if kind in _KINDS else None


def _kind_of(value: Any) -> str:
    """Say of what kind a value from JSON is, and nothing else of it."""
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else "true or false"
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, dict | list):
        return f"{'a table' if isinstance(value, dict) else 'a list'} of {len(value)} entries"
    return "a number"


def _locate(
    steps: tuple[int | str, ...], config: Any, echo: bool = True
) -> tuple[str, FieldInfo | None, dict[str, FieldInfo]]:
    """Return the name of a value, its field, and all fields of the same configuration."""
    name = ""
    spec: FieldInfo | None = None
    known: dict[str, FieldInfo] = {}
    for step in steps:
        inner = getattr(config, "__pydantic_fields__", None)
        if inner is not None:
            known = inner
            by_place = isinstance(step, int) and step < len(known)
            step = list(known)[step] if by_place else step  # type: ignore[index]
            spec = known.get(str(step))
        if not (echo or isinstance(step, int) or step in known):
            continue  # a key of the text, or the name of a type
        config = _configured(getattr(spec, "annotation", None))
        name += f"[{step}]" if isinstance(step, int) else f".{step}"
    return name.removeprefix("."), spec, known


def _configured(annotation: Any) -> Any:
    """Return the one configuration in an annotation such as ``Part | None``; else itself."""
    parts = [one for one in get_args(annotation) if hasattr(one, "__pydantic_fields__")]
    return parts[0] if len(parts) == 1 else annotation


def _unnamed(name: str, found: int | str, known: Mapping[str, Any]) -> str:
    """Say that there is an unknown entry, without naming it."""
    close = difflib.get_close_matches(str(found)[:50], known, 1)
    advice = f"Is it {close[0]!r}, misspelt?" if close else f"Known there: {', '.join(known)}."
    return f"there is an unknown entry in {name or 'the file'}. {advice}"


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name.rsplit(".", 1)[-1], known, 1)
    advice = f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}."
    return f"there is no entry {name!r}. {advice}"
