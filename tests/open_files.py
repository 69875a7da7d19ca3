"""Small files in the formats that the workflow `open` reads. Words and sentences are made up."""

from pathlib import Path

import yaml

# Id: members, definition, hypernyms, instance hypernyms and examples. Ten synsets.
SYNSETS = {
    "place": (["place"], "where something is", [], [], []),
    "town": (["town", "burgh"], "a place with many houses", ["place"], [], ["the towns were small"]),
    "port": (["port"], "a town with ships", ["town"], [], ["They came to the port at night"]),
    "mart": (["market town"], "(trade) a town with a market", ["town"], [], []),
    "riga": (["Riga"], "the port of Latvia", [], ["port"], []),
    "bonn": (["Bonn", "City of Bonn"], "a town on the Rhine", [], ["town"], []),
    "artist": (["artist"], "who makes art", [], [], []),
    "painter": (["painter"], "an artist who paints", ["artist"], [], ["a painter of ships"]),
    "holt": (["Mira Holt", "Holt"], "a painter (1870-1941)", [], ["painter"], []),
    # Another meaning of a word that is in use.
    "port2": (["port"], "a drink", ["artist"], [], []),
}
FILES = {
    "location": ["place", "town", "port", "mart", "riga", "bonn"],
    "person": ["artist", "painter", "holt", "port2"],
}


def write_wordnet(folder: Path) -> None:
    """Write the synsets to two files `noun.*.yaml`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, ids in FILES.items():
        values = {}
        for one in ids:
            members, definition, up, instance_of, examples = SYNSETS[one]
            values[one] = {"members": members, "definition": [definition], "partOfSpeech": "n"}
            values[one] |= {"hypernym": up} if up else {}
            values[one] |= {"instance_hypernym": instance_of} if instance_of else {}
            # With and without a source, as there.
            values[one] |= {"example": [*examples[:1], *({"text": e, "source": "x"} for e in examples[1:])]}
        (folder / f"noun.{name}.yaml").write_text(yaml.safe_dump(values), encoding="utf8")


def conllu(name: str, *sentences: str) -> str:
    """RETURNS (str): A document of sentences of lines: word, lemma, part of speech, head and entities."""
    text = f"# newdoc id = {name}\n# global.Entity = GRP-etype\n"
    for sentence in sentences:
        for number, line in enumerate(sentence.strip().split("\n"), start=1):
            word, lemma, pos, head, *entity = line.split()
            misc = f"Entity={entity[0]}" if entity else "_"
            text += "\t".join([str(number), word, lemma, pos, "_", "_", head, "dep", "_", misc]) + "\n"
        text += "\n"
    return text


# "The old port", "Riga" and "it" are one entity.
PORT = """
The the DET 3 (1-place
old old ADJ 3
port port NOUN 4 1)
slept sleep VERB 0
"""
RIGA = """
Riga Riga PROPN 2 (1-place)
saw see VERB 0
Mira Mira PROPN 2 (2-person
Holt Holt PROPN 3 2)
in in ADP 6
1911 1911 NUM 2 (3-time)
"""
IT = """
It it PRON 2 (1-place)
liked like VERB 0
the the DET 4 (2-person
painter painter NOUN 2 2)
"""
SHIP = """
Ships ship NOUN 2 (9-object)
rot rot VERB 0
"""
