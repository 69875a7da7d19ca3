"""Read documents whose entities are linked by relations, as in Re-DocRED and FewRel, and give the entities types."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from spacy_binder.corpora.problems import wrong_format

# The types of both sides of a relation, by the kind of the entity.
Roles = Mapping[str, Mapping[str, Mapping[str, list[str]]]]
EXPECTED_DOCRED = "a list of documents with `sents`, `vertexSet` and `labels`"
EXPECTED_FEWREL = "sentences with `tokens`, `h` and `t`, by relation"


class Entity(NamedTuple):
    """An entity of a document.

    kind (str): PER, ORG, LOC, MISC, TIME or NUM. Empty if it is not known.
    mentions (list[tuple[int, int]]): Its mentions: first word, and the one after the last.
    types (dict[str, None]): What relations say it is, in their order.
    """

    kind: str
    mentions: list[tuple[int, int]]
    types: dict[str, None]


class Document(NamedTuple):
    """Some sentences and their entities.

    words (list[str]): The words.
    starts (list[int]): The first word of each sentence.
    entities (list[Entity]): The entities.
    is_whole (bool): Whether all entities are annotated, and not just two of them.
    lacks (frozenset[str]): The kinds of entities that are not annotated all the same. Defaults to none.
    """

    words: list[str]
    starts: list[int]
    entities: list[Entity]
    is_whole: bool
    lacks: frozenset[str] = frozenset()


def read_docred(path: Path, roles: Roles) -> Iterator[Document]:
    """Read a file of DocRED or Re-DocRED.

    path (Path): The file.
    roles (Roles): The types of the entities of each relation.
    YIELDS (Document): The documents.
    RAISES (ValueError): If the file has another form.
    """
    for value in _read_json(path, list, EXPECTED_DOCRED):
        try:
            starts = [0]
            for sentence in value["sents"]:
                starts.append(starts[-1] + len(sentence))
            words = [str(word) for sentence in value["sents"] for word in sentence]
            entities = []
            for mentions in value["vertexSet"]:
                kind = Counter(mention["type"] for mention in mentions).most_common(1)[0][0]
                extents = [
                    (starts[one["sent_id"]] + one["pos"][0], starts[one["sent_id"]] + one["pos"][1]) for one in mentions
                ]
                entities.append(Entity(kind, sorted(set(extents)), {}))
            for label in value["labels"]:
                for side, index in (("head", label["h"]), ("tail", label["t"])):
                    entity = entities[index]
                    entity.types.update(dict.fromkeys(roles.get(label["r"], {}).get(side, {}).get(entity.kind, ())))
        except (KeyError, IndexError, TypeError) as error:
            raise wrong_format(path, 1, f"a document without {error}", EXPECTED_DOCRED) from None
        yield Document(words, starts[:-1], entities, is_whole=True)


def read_fewrel(path: Path, roles: Roles) -> Iterator[Document]:
    """Read a file of FewRel: one sentence per document, with the two entities of one relation.

    path (Path): The file.
    roles (Roles): The types of the entities of each relation. A side of one kind gives its entities this kind.
    YIELDS (Document): The sentences.
    RAISES (ValueError): If the file has another form.
    """
    values = _read_json(path, dict, EXPECTED_FEWREL)
    try:
        for relation, sentences in values.items():
            for value in sentences:
                entities = []
                for side, key in (("head", "h"), ("tail", "t")):
                    given = roles.get(relation, {}).get(side, {})
                    kind = next(iter(given)) if len(given) == 1 else ""
                    extents = [(places[0], places[-1] + 1) for places in value[key][2]]
                    entities.append(Entity(kind, extents, dict.fromkeys(given.get(kind, ()))))
                yield Document([str(word) for word in value["tokens"]], [0], entities, is_whole=False)
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise wrong_format(path, 1, f"a sentence without {error}", EXPECTED_FEWREL) from None


def _read_json(path: Path, kind: type, expected: str) -> Any:
    """RETURNS (Any): The list or dict of a file."""
    try:
        values = json.loads(path.read_text(encoding="utf8"))
    except ValueError as error:
        raise wrong_format(path, 1, f"no JSON: {error}", expected) from None
    if not isinstance(values, kind) or not values:
        raise wrong_format(path, 1, repr(values)[:60], expected)
    return values
