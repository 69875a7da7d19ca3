"""Benchmarks of accuracy and speed. They are not part of the installed package."""
