"""Benchmarks: how fast this project is beside its nearest relatives, measured in one run."""
