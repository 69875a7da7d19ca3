"""A page in the browser: a text, types in words, a threshold, and the spans that a pipeline finds."""
