"""Towpath for other machines: the worker that carries out an environment's runs, and the command line."""

__version__ = "0.1.0"
PROTOCOL = 1
