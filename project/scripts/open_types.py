"""Write passages with mined types: from Open English WordNet, and from the coreference chains of GUM."""

from pathlib import Path

import spacy
import typer
from open.chains import draw_chains, mine_chains
from open.corpora import read_part
from open.mining import WordNetPassages
from open.passages import Passages
from open.wordnet import read_wordnet
from wasabi import msg

from spacy_binder.corpora.docbins import HEADER, write_docbins
from spacy_binder.corpora.problems import Problems


def main(
    assets: Path, datasets: Path, output: Path, n_wordnet: int = 12_000, n_chains: int = 4_500, seed: int = 0
) -> None:
    """Write N_WORDNET and N_CHAINS passages to OUTPUT, with the same types for the same SEED."""
    nlp = spacy.blank("en")
    try:
        synsets = read_wordnet(assets / "oewn")
        wordnet = WordNetPassages(synsets)
        passages = Passages()
        found = list(mine_chains(read_part("gum", "train", assets, datasets, nlp, Problems()), passages))
        counts = {
            "wordnet": write_docbins(wordnet.draw(n_wordnet, nlp.vocab, seed), output / "wordnet.spacy"),
            "chains": write_docbins(draw_chains(found, n_chains, nlp.vocab, seed), output / "chains.spacy"),
        }
    except (OSError, ValueError) as error:
        msg.fail("Can't mine types", f"{error} Fetch the files first: python -m spacy project run open-assets", exits=1)
    kinds = len({*wordnet.inventories[True].types, *wordnet.inventories[False].types})
    lemmas = len({lemma for passage in found for lemma in passage.mentions})
    rows = [(name, f"{n:,}", *counts[name].row()) for name, n in (("wordnet", kinds), ("chains", lemmas))]
    msg.table(rows, header=("Corpus", "Types", *HEADER), divider=True, aligns=("l", *"r" * (len(HEADER) + 1)))
    msg.text(f"Spans of GUM that the end of a passage cuts, and that are left out: {passages.n_lost:,}")


if __name__ == "__main__":
    typer.run(main)
