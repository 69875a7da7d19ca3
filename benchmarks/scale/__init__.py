"""Speed and memory of `spacy binder annotate`, compared with `nlp.pipe` in one process with one thread."""
