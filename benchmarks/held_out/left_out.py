"""What is left out of each corpus of the mix: labels of annotated corpora, and mined types of the same meaning."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import spacy
from spacy.tokens import DocBin
from spacy.vocab import Vocab

# The key of types.json with the names of mined types.
MINED = "mined"
KEY = "sc"
# A description that begins so has a noun that may mean something else.
NAMES_OF = "names of "


def leave_out(train: Path, types: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Find what to leave out of each corpus.

    A mined type goes if it has one of the names, or a definition that a type of such a name has somewhere in the mix:
    so *political leader* goes with *politician*, also from a corpus that does not define it.

    train (Path): A folder with CORPUS.spacy. Some corpora describe the types of a document in it. These are mined ones.
    types (Mapping[str, list[str]]): The labels of annotated corpora, and with the key `MINED` names of mined types.
    RETURNS (dict[str, list[str]]): The labels of each corpus.
    """
    vocab = spacy.blank("en").vocab
    annotated = {name: labels for name, labels in types.items() if name != MINED}
    mined = {path.stem: read_definitions(path, vocab) for path in sorted(train.glob("*.spacy"))}
    named = set(types.get(MINED, ()))
    meant = {text for of_label in mined.values() for label in named & of_label.keys() for text in of_label[label]}
    gone = named | {label for of_label in mined.values() for label, texts in of_label.items() if texts & meant}
    for name, of_label in mined.items():
        if labels := sorted(gone & of_label.keys()):
            annotated[name] = labels
    return annotated


def read_definitions(path: Path, vocab: Vocab) -> dict[str, set[str]]:
    """RETURNS (dict[str, set[str]]): The types that documents of a file describe, and the definitions of each."""
    found: dict[str, set[str]] = {}
    for described in _described(path, vocab):
        for label, texts in described.items():
            bare = {text.removeprefix(f"{label}: ") for text in ([texts] if isinstance(texts, str) else texts)}
            found.setdefault(label, set()).update(text for text in bare - {label} if not text.startswith(NAMES_OF))
    return found


def _described(path: Path, vocab: Vocab) -> Iterator[dict[str, str | list[str]]]:
    for doc in DocBin().from_disk(path).get_docs(vocab):
        labels = doc.spans[KEY].attrs.get("labels") if KEY in doc.spans else None
        if not isinstance(labels, dict):
            # All documents of a corpus say it in one way.
            return
        yield labels
