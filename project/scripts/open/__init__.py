"""The parts of the scripts of the workflow `open`."""
