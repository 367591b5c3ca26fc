"""What staff see of environments and all that happens in them, and the repairs they may ask the rooms for."""

from environments.admin import chains, delivery, events, places, runs

__all__ = ["chains", "delivery", "events", "places", "runs"]
