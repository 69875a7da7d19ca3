"""What the scripts of the workflow `distant` are made of."""
