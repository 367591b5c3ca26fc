"""The live hub: one ear and one pair of eyes per web process, for pages, event streams, log tails and long polls."""
