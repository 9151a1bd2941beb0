"""Waiting for what announces no change: that a port is open, that a file is there."""
import select
import time

DEADLINE_SECONDS = 60


def eventually(condition, what, seconds=DEADLINE_SECONDS):
    """Asks for `condition` until it returns something true, and returns that. `what`
    it waits for, or a function that says it, is in the error after the deadline."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        select.select([], [], [], 0.02)
    return result
