"""What staff see of every record, and the few things they may do to it: never past the rooms."""

from projects.admin import log, organizations, things

__all__ = ["log", "organizations", "things"]
