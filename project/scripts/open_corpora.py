"""Turn the corpora of the workflow `open` into passages, and the test parts of CrossNER into DocBins."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from shutil import copyfile

import spacy
import typer
from open.corpora import DOMAINS, SOURCES, leave_out_misc, read_part, spread
from open.lexicon import Lexicon, make_lexicon
from open.passages import KEY, Passages, shuffled
from open.relations import read_docred
from open.wordnet import read_wordnet
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from spacy_binder.corpora.annotated import say_annotated
from spacy_binder.corpora.docbins import HEADER, write_docbins
from spacy_binder.corpora.problems import HEADER as PROBLEMS_HEADER
from spacy_binder.corpora.problems import Problems

Row = tuple[str, ...]


def main(assets: Path, datasets: Path, output: Path, n_dev: int = 100, seed: int = 0) -> None:
    """Write train, dev and test to OUTPUT, with the types of the mix. Of each dev part, N_DEV passages are kept."""
    nlp = spacy.blank("en")
    problems = Problems()
    rows: list[Row] = []
    try:
        texts = (document.words for document in read_docred(assets / "redocred" / "dev_revised.json", {}))
        lexicon = make_lexicon(read_wordnet(assets / "oewn"), texts)
        for part, n in (("train", 0), ("dev", n_dev)):
            for name, source in SOURCES.items():
                parts = source.train if part == "train" else ("dev",) if source.dev else ()
                if parts:
                    docs = (
                        doc for one in parts for doc in read_part(source.dataset, one, assets, datasets, nlp, problems)
                    )
                    rows.append(write_passages(name, docs, lexicon, datasets, output / part, nlp, seed, n))
        for name in (f"crossner-{domain}" for domain in DOMAINS):
            labels = json.loads((datasets / name / "labels.json").read_text(encoding="utf8"))
            docs = leave_out_misc(read_part(name, "test", assets, datasets, nlp, problems), labels)
            rows.append(("test", name, *write_docbins(docs, output / "test" / f"{name}.spacy").row(), ""))
    except (OSError, ValueError) as error:
        msg.fail(
            "Can't read the corpora", f"{error} Fetch them first: python -m spacy project run open-assets", exits=1
        )
    copyfile(datasets / "open" / "wordings.json", output / "labels.json")
    header = ("Part", "Corpus", *HEADER, "Cut")
    msg.table(rows, header=header, divider=True, aligns=("l", "l", *"r" * (len(header) - 2)))
    msg.text("Cut: spans that the end of a passage cuts. They are left out.")
    if problems.counts:
        msg.table(problems.rows(), header=PROBLEMS_HEADER, divider=True, aligns=("l", "r", "l", "l"), max_col=100)


def write_passages(
    name: str, docs: Iterable[Doc], lexicon: Lexicon, datasets: Path, output: Path, nlp: Language, seed: int, n: int = 0
) -> Row:
    """Write the passages of a corpus, in a random order. They say which types were annotated.

    name (str): The corpus.
    docs (Iterable[Doc]): Its docs.
    lexicon (Lexicon): What its docs are mended by.
    datasets (Path): The folder of that name of the project.
    output (Path): The folder to write to.
    nlp (Language): A blank pipeline.
    seed (int): Decides the order.
    n (int): The most passages. Defaults to 0, which means all.
    RETURNS (tuple[str, ...]): A row of the table.
    """
    source, passages = SOURCES[name], Passages()
    docs = source.change(docs, lexicon) if source.change else docs
    labels = [*json.loads((datasets / source.dataset / "labels.json").read_text(encoding="utf8")), *source.added]
    # A passage has sentences with the same doubts, so that few types are doubtful in it.
    groups: defaultdict[frozenset[str], list[Doc]] = defaultdict(list)
    for doc in passages.cut(docs):
        groups[source.doubts(doc)].append(doc)
    made = shuffled((doc for group in groups.values() for doc in passages.join(group, nlp.vocab)), seed)
    for doc in made:
        doubts = source.doubts(doc)
        doc.spans[KEY] = [span for span in doc.spans[KEY] if span.label_ not in doubts]
        # Also types that never occur in a small part.
        say_annotated(doc, [label for label in labels if label not in doubts], KEY)
    counts = write_docbins(spread(made, n) if n else made, output / f"{name}.spacy")
    return output.name, name, *counts.row(), f"{passages.n_lost:,}"


if __name__ == "__main__":
    typer.run(main)
