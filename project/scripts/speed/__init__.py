"""What `benchmark_speed.py` and the processes that it starts are made of."""
