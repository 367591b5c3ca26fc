"""How long a test waits for what has to be quick, on a machine that has other things to do."""

import os


def patience(seconds: float) -> float:
    """That much on a machine that has nothing else to do; more where others wait for the processors, too."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
