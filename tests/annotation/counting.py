"""A component that notes the texts that it sees, for tests with other processes. They find it by its entry point."""

import json
import os
import time
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc


@Language.component("note_texts")
def note_texts(doc: Doc) -> Doc:
    """Note the process and the text, and take a while, so that a run can be stopped in its middle."""
    with Path(os.environ["NOTED_TEXTS"]).open("a", encoding="utf8") as file:
        file.write(json.dumps([os.getpid(), doc.text]) + "\n")
    time.sleep(float(os.environ["NOTING_TAKES"]))
    return doc
