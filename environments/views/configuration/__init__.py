"""The pages of variables and secrets: what holds where and why, where a key is set, and what may be done to it."""
