"""What `benchmark_accuracy.py` and the processes that it starts are made of."""
