"""Jobs for the workers of the tests: they are imported in other processes."""

import os
import time


def square(n):
    return n * n


def slowly(n):
    time.sleep(0.1)
    return n * n


def deadly(n):
    """Kill whoever does the third one."""
    if n == 3:
        os._exit(9)
    return n


def faulty(n):
    raise ZeroDivisionError(n)
