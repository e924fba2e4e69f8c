"""What describes a parameter that a user may choose, and what checks it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


def describe(
    label: str, low: float, high: float, tooltip: str, step: float | None = None
) -> dict[str, Any]:
    """Metadata of a field that a user may choose."""
    described: dict[str, Any] = {"label": label, "min": low, "max": high, "tooltip": tooltip}
    return described if step is None else {**described, "step": step}


def check_ranges(config: Any) -> None:
    """Raise ValueError for a value outside of the range or choices in its field's metadata."""
    for name, spec in config.__dataclass_fields__.items():
        low, high = spec.metadata.get("min"), spec.metadata.get("max")
        choices = spec.metadata.get("choices")
        value = getattr(config, name)
        if choices is not None and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, found {value!r}.")
        if low is not None and not low <= value <= high:
            raise ValueError(f"{name} must be from {low} to {high}, found {value}.")


@dataclass(frozen=True)
class Parameter:
    """A field that a user may choose, as forms, the command line and documents need it.

    Parameters
    ----------
    name : str
        Of the field.
    title, description : str
        A label of a few words, and what it means in a sentence.
    default : int, float or str
        Its type is the field's type.
    low, high : float, optional
        Its range.
    step : float, optional
        What one notch changes.
    choices : tuple of str
        What may be chosen; empty for numbers.
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
    """Describe the fields of a configuration (or its class) that a user may choose, in order."""
    return tuple(
        Parameter(
            spec.name,
            spec.metadata["label"],
            spec.metadata["tooltip"],
            spec.default,
            spec.metadata.get("min"),
            spec.metadata.get("max"),
            spec.metadata.get("step"),
            spec.metadata.get("choices", ()),
        )
        for spec in fields(config)
        if "label" in spec.metadata
    )
