"""What the commands of ``pixel-embedding`` share: how a command and an option are declared."""

from __future__ import annotations

import argparse
from typing import Any


def add_command(commands: Any, name: str, run: Any, summary: str, example: str) -> Any:
    """Declare a command; ``run`` takes the parsed options and returns the exit code."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"Example: {example}",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def flag(name: str) -> str:
    """Option for a field: ``min_size`` becomes ``--min-size``."""
    return "--" + name.replace("_", "-")


def escaped(text: str) -> str:
    """Help text in which argparse finds nothing to fill in."""
    return text.replace("%", "%%")
