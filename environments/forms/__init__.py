"""What people type into pages, before the rooms judge it."""
