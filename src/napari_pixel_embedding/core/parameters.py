"""What describes a parameter that a user may choose, and what checks it."""

from __future__ import annotations

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
