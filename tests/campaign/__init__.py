"""Faults on purpose: every process is killed at every named point, and everything has to be whole again."""
