"""How long a test waits for what has to be quick, on a machine that has other things to do."""

import math
import os


def patience(seconds: float, *, most: float = math.inf) -> float:
    """That much on a machine that has nothing else to do; more where others wait for the processors, too, but no more
    than what must not be taken for it takes."""
    return min(most, seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))
