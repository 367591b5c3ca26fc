"""What staff see of environments and all that happens in them, and the repairs they may ask the rooms for."""

from environments.admin import chains, configuration, delivery, events, people, places, runs

__all__ = ["chains", "configuration", "delivery", "events", "people", "places", "runs"]
