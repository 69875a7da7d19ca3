"""Small files in the formats of the datasets in columns. The sentences are made up."""

from pathlib import Path
from typing import NamedTuple

# Four columns, single spaces, IOB1: B only directly after an entity of the same label.
CONLL2003 = """-DOCSTART- -X- O O

Mira NNP I-NP I-PER
Holt NNP I-NP I-PER
left VBD I-VP O
Ostrava NNP I-NP I-LOC
. . O O

Norwegian JJ I-NP I-MISC
papers NNS I-NP O
praised VBD I-VP O
Tarn NNP I-NP I-ORG
FC NNP I-NP I-ORG
. . O O

-DOCSTART- -X- O O

Anna NNP I-NP I-PER
Bergen NNP I-NP B-PER
Sunday NNP I-NP O

"""
BC5CDR = """Zolprine\tB-Chemical
-\tO
induced\tO
night\tB-Disease
blindness\tI-Disease
.\tO

Patients\tO
took\tO
Zolprine\tB-Chemical
.\tO

"""
BC2GM = """The\tO
Abc\tB-GENE
-\tI-GENE
2\tI-GENE
gene\tI-GENE
was\tO
cloned\tO
.\tO

No\tO
change\tO
was\tO
found\tO

"""
JNLPBA = """-DOCSTART-\tO

Abc-2\tB-DNA
promoter\tI-DNA
in\tO
human\tB-cell_type
monocytes\tI-cell_type
.\tO

Kx\tB-cell_line
cells\tI-cell_line
lack\tO
Abc-2\tB-RNA
mRNA\tI-RNA
.\tO

-DOCSTART-\tO

Abc-2\tB-protein
binds\tO
.\tO

"""
MTL_NAMES = ("train.tsv", "devel.tsv", "test.tsv")


class Columns(NamedTuple):
    """A dataset in columns.

    names (tuple[str, str, str]): Names of the three files.
    text (str): Content of each file.
    documents (list[list[tuple[str, str]]]): Text and label of the spans of each document.
    """

    names: tuple[str, str, str]
    text: str
    documents: list[list[tuple[str, str]]]


def only(text: str, label: str) -> str:
    """RETURNS (str): The text with only the tags of one label."""
    lines = [line.split("\t") for line in text.split("\n")]
    return "\n".join("\t".join([*words, tag if label in tag else "O"] if words else [tag]) for *words, tag in lines)


CHEMICALS = [("Zolprine", "Chemical"), ("Zolprine", "Chemical")]
DISEASES = [("night blindness", "Disease")]
COLUMNS = {
    "conll2003": Columns(
        ("eng.train", "eng.testa", "eng.testb"),
        CONLL2003,
        [
            [("Mira Holt", "PER"), ("Ostrava", "LOC"), ("Norwegian", "MISC"), ("Tarn FC", "ORG")],
            [("Anna", "PER"), ("Bergen", "PER")],
        ],
    ),
    "bc5cdr": Columns(MTL_NAMES, BC5CDR, [[CHEMICALS[0], *DISEASES, CHEMICALS[1]]]),
    "bc5-chem": Columns(MTL_NAMES, only(BC5CDR, "Chemical"), [CHEMICALS]),
    "bc5-disease": Columns(MTL_NAMES, only(BC5CDR, "Disease"), [DISEASES]),
    "bc2gm": Columns(MTL_NAMES, BC2GM, [[("Abc - 2 gene", "GENE")], []]),
    "jnlpba": Columns(
        MTL_NAMES,
        JNLPBA,
        [
            [
                ("Abc-2 promoter", "DNA"),
                ("human monocytes", "cell_type"),
                ("Kx cells", "cell_line"),
                ("Abc-2 mRNA", "RNA"),
            ],
            [("Abc-2", "protein")],
        ],
    ),
}


def write_columns(dataset: str, assets: Path) -> None:
    """Write the three parts of a dataset, all with the same text, to a folder."""
    assets.mkdir(parents=True, exist_ok=True)
    for name in COLUMNS[dataset].names:
        (assets / name).write_text(COLUMNS[dataset].text, encoding="utf8")
