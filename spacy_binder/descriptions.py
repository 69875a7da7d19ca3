"""What a type is, in words that the type encoder reads."""

import warnings

from spacy.glossary import explain


def default_description(label: str) -> str:
    """RETURNS (str): spaCy's explanation of a label, or the label itself in plain words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        known = explain(label)
    return known or label.replace("_", " ").replace("-", " ").strip() or label
