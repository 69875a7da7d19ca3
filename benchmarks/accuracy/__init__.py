"""The accuracy benchmark: `python -m benchmarks.accuracy`."""
