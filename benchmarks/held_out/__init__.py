"""Types that a training leaves out, and finds from their descriptions: `python -m benchmarks.held_out`."""
