"""Pure torch modules: they know nothing of spaCy or thinc."""
