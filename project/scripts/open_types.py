"""Write passages with mined types: from Open English WordNet, from coreference chains of GUM, and from relations."""

import json
from pathlib import Path
from typing import Annotated

import spacy
import typer
from open.chains import draw_chains, mine_chains
from open.cleaning import mend_multiconer
from open.corpora import SOURCES, read_part
from open.facts import Facts
from open.lexicon import make_lexicon
from open.mining import WordNetPassages
from open.multiconer import make_documents
from open.passages import Passages
from open.relations import read_docred, read_fewrel
from open.wordnet import read_wordnet
from wasabi import msg

from spacy_binder.corpora.docbins import HEADER, write_docbins
from spacy_binder.corpora.problems import Problems


def main(
    assets: Path,
    datasets: Path,
    output: Path,
    n_wordnet: Annotated[int, typer.Option(min=1)] = 12_000,
    n_chains: Annotated[int, typer.Option(min=1)] = 4_500,
    n_facts: Annotated[int, typer.Option(min=1)] = 8_000,
    seed: int = 0,
) -> None:
    """Write N_WORDNET, N_CHAINS and N_FACTS passages to OUTPUT, with the same types for the same SEED."""
    nlp = spacy.blank("en")
    try:
        synsets = read_wordnet(assets / "oewn")
        wordnet = WordNetPassages(synsets)
        passages = Passages()
        found = list(mine_chains(read_part("gum", "train", assets, datasets, nlp, Problems()), passages))
        roles = json.loads((datasets / "open" / "relations.json").read_text(encoding="utf8"))
        docred = [
            *read_docred(assets / "redocred" / "dev_revised.json", roles),
            *read_docred(assets / "redocred" / "test_revised.json", roles),
        ]
        lexicon = make_lexicon(synsets, (document.words for document in docred))
        [part] = SOURCES["multiconer"].train
        sentences = mend_multiconer(read_part("multiconer", part, assets, datasets, nlp, Problems()), lexicon)
        fewrel = read_fewrel(assets / "fewrel" / "val_wiki.json", roles)
        documents = [*docred, *make_documents(sentences), *fewrel]
        definitions = json.loads((datasets / "open" / "definitions.json").read_text(encoding="utf8"))
        facts, cut = Facts(synsets, definitions), Passages()
        stated = list(facts.mine(documents, cut, nlp.vocab))
        counts = {
            "wordnet": write_docbins(wordnet.draw(n_wordnet, nlp.vocab, seed), output / "wordnet.spacy"),
            "chains": write_docbins(draw_chains(found, n_chains, nlp.vocab, seed), output / "chains.spacy"),
            "facts": write_docbins(facts.draw(stated, n_facts, nlp.vocab, seed), output / "facts.spacy"),
        }
    except (OSError, ValueError) as error:
        msg.fail("Can't mine types", f"{error} Fetch the files first: python -m spacy project run open-assets", exits=1)
    kinds = len({*wordnet.inventories[True].types, *wordnet.inventories[False].types})
    lemmas = len({lemma for passage in found for lemma in passage.mentions})
    said = len({name for one in facts.counts.values() for name in one})
    sizes = (("wordnet", kinds), ("chains", lemmas), ("facts", said))
    rows = [(name, f"{n:,}", *counts[name].row()) for name, n in sizes]
    msg.table(rows, header=("Corpus", "Types", *HEADER), divider=True, aligns=("l", *"r" * (len(HEADER) + 1)))
    lost = f"{passages.n_lost:,} of GUM, {cut.n_lost:,} of relations"
    msg.text(f"Spans that the end of a passage cuts, and that are left out: {lost}")


if __name__ == "__main__":
    typer.run(main)
