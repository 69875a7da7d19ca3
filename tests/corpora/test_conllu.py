"""CoNLL-U with entities in brackets, as in CorefUD and GUM."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import SHARED, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from spacy_binder.corpora.conllu import read_conllu
from spacy_binder.corpora.problems import Problems
from spacy_binder.scorer import inside_another

NLP = spacy.blank("en")
GUM = SHARED / "gum" / "dep"
FIELDS = "# global.Entity = eid-etype-head-other\n"


def row(line: str) -> str:
    """RETURNS (str): A row from number, word, part of speech and the last column. All but two can be left out."""
    number, word, tag, misc = [*line.split(" "), "_", "_"][:4]
    return "\t".join([number, word, "_", tag, *"_____", misc])


def sentence(*lines: str) -> str:
    """RETURNS (str): A sentence of such rows."""
    return "\n".join(map(row, lines)) + "\n\n"


def words(*cells: str) -> str:
    """RETURNS (str): A sentence of the words a, b, c ... with these cells of entities."""
    return sentence(*(f"{i + 1} {chr(97 + i)} X Entity={cell}" for i, cell in enumerate(cells)))


def read(path: Path, text: str, problems: Problems | None = None, **options: Any) -> list[Doc]:
    """RETURNS (list[Doc]): What is read from a file with this text. A problem is an error unless they are counted."""
    path = path / "x.conllu" if path.is_dir() else path
    path.write_text(text, encoding="utf8")
    return list(read_conllu(path, NLP, problems=problems or Problems(strict=True), **options))


def ids(doc: Doc) -> list[tuple[str, str]]:
    """RETURNS (list[tuple[str, str]]): Text and id of each span."""
    return [(span.text, span.id_) for span in doc.spans["sc"]]


def test_documents_of_gum(tmp_path: Path) -> None:
    """Nested mentions, several in one cell, multiword tokens, an empty node, spaces, sentences, documents, ids."""
    text = (
        "# newdoc id = GUM_one\n# global.Entity = GRP-etype-infstat-identity\n# text = We'll see Ann's dog, Rex.\n"
        + sentence(
            "1-2 We'll",
            "1 We PRON Discourse=a:1->2|Entity=(1-person-acc)",
            "2 'll AUX",
            "3 see VERB",
            "3.1 see VERB CopyOf=3",
            "4-5 Ann's",
            "4 Ann PROPN Entity=(2-animal-new-Rex_%28dog%29(3-person-new-Ann-Li)",
            "5 's PART _",
            "6 dog NOUN SpaceAfter=No|XML=<b>",
            "7 , PUNCT",
            "8 Rex PROPN Entity=(2-animal-giv)2)|SpaceAfter=No",
            "9 . PUNCT SpaceAfter=No",
        )
        + sentence("1 It PRON Entity=(2-animal-giv)", "2 slept VERB")
        + "# newdoc id = GUM_two\n"
        + sentence("1 Rain NOUN")
    )
    one, two = read(tmp_path, text)
    assert one.text == "We'll see Ann's dog, Rex.It slept "
    assert [token.text for token in one] == ["We", "'ll", "see", "Ann", "'s", "dog", ",", "Rex", ".", "It", "slept"]
    assert [token.i for token in one if token.is_sent_start] == [0, 9]
    expected = [(0, 1, "person"), (3, 8, "animal"), (3, 4, "person"), (7, 8, "animal"), (9, 10, "animal")]
    assert spans_of(one) == expected
    assert [entity for _, entity in ids(one)] == ["1", "2", "3", "2", "2"]
    assert (two.text, spans_of(two)) == ("Rain ", [])


def test_ids_survive_docbins(tmp_path: Path) -> None:
    docs = read(tmp_path, FIELDS + words("(e7-a-1(e12345-b)", "e7)"))
    [doc] = DocBin().from_bytes(DocBin(docs=docs).to_bytes()).get_docs(spacy.blank("en").vocab)
    assert ids(doc) == [("a b", "e7"), ("a", "e12345")]


@pytest.mark.parametrize(
    "cells, expected",
    [
        # One inside the other, of two entities and of one.
        (("(1-x", "(2-y)", "1)"), [(0, 3, "x"), (1, 2, "y")]),
        (("(1-x", "(1-y", "1)1)"), [(0, 3, "x"), (1, 3, "y")]),
        (("(1-x(1-y", "1)", "1)"), [(0, 3, "x"), (0, 2, "y")]),
        # Beside each other in one cell, and crossing.
        (("(1-x", "1)(2-y", "2)"), [(0, 2, "x"), (1, 3, "y")]),
        (("(1-x", "(2-y", "1)", "2)"), [(0, 3, "x"), (1, 4, "y")]),
        # Signs that are written as numbers, and hyphens in the last field.
        (("(1-na%2Dme-1-Jean-Luc)",), [(0, 1, "na-me")]),
    ],
)
def test_brackets(tmp_path: Path, cells: tuple[str, ...], expected: list) -> None:
    [doc] = read(tmp_path, FIELDS + words(*cells))
    assert spans_of(doc) == expected


@pytest.mark.parametrize(
    "cells, kind, text, expected",
    [
        (("(1-x", "(2-y)"), "no end", "a b", [(1, 2, "y")]),
        (("(1-x)", "1)"), "no start", "1) at b", [(0, 1, "x")]),
        (("(1-x)", ")"), "no start", ") at b", [(0, 1, "x")]),
        (("(1-x)", "(2)"), "no label", " at 1:2", [(0, 1, "x")]),
        (("(1-x)", "(2--1)"), "no label", " at 1:2", [(0, 1, "x")]),
        (("(1-x)", "()"), "no label", " at 1:2", [(0, 1, "x")]),
        (("(1-x)", "oh"), "no place", "oh", [(0, 1, "x")]),
        (("(1-x)(2-x)", "_"), "duplicate", "a", [(0, 1, "x")]),
        # Counted once, with its first part.
        (("(e1[1/2]-x)(2-x", "2)", "(e1[2/2]-x)"), "discontinuous", "a", [(0, 2, "x")]),
        (("(e1[1/2]-x", "e1[1/2])(2-x)", "(e1[2/2]-x"), "discontinuous", "a", [(1, 2, "x")]),
        (("(2-x)", "(e1[2/2]-x)"), "discontinuous", "b", [(0, 1, "x")]),
    ],
)
def test_mentions_that_do_not_fit(tmp_path: Path, cells: tuple, kind: str, text: str, expected: list) -> None:
    """They are left out and counted, and the others are read."""
    problems = Problems()
    [doc] = read(tmp_path, FIELDS + words(*[cell if cell != "_" else "" for cell in cells]), problems)
    assert spans_of(doc) == expected
    found = [(problem.kind, problem.text) for kinds in problems.first.values() for problem in kinds]
    assert found[:1] == [(kind, text)] and problems.counts[kind] == 1


def test_mentions_end_with_their_sentence(tmp_path: Path) -> None:
    """As the format asks for. A bracket that was forgotten spoils one sentence, not the rest of a document."""
    problems = Problems()
    [doc] = read(tmp_path, FIELDS + words("(1-x", "(2-y)") + words("(3-z)", "1)"), problems)
    assert spans_of(doc) == [(1, 2, "y"), (2, 3, "z")]
    assert problems.counts == {"no end": 1, "no start": 1}


def test_multiword_tokens_that_are_not_their_words(tmp_path: Path) -> None:
    """French "du" is "de" and "le": one token, which is wholly inside the mentions of its words."""
    text = FIELDS + sentence(
        "1 Fin NOUN Entity=(1-event",
        "2-3 du",
        "2 de ADP",
        "3 le DET Entity=(2-place",
        "4 parc NOUN Entity=2)1)|SpaceAfter=No",
        "5 . PUNCT",
    )
    [doc] = read(tmp_path, text, problems := Problems())
    assert (doc.text, len(doc)) == ("Fin du parc. ", 4)
    assert spans_of(doc) == [(0, 3, "event"), (1, 3, "place")]
    assert [(problem.kind, problem.line, problem.text) for problem in problems.first["widened"]] == [
        ("widened", 5, "le parc")
    ]
    text = FIELDS + sentence("1-2 du", "1 de ADP Entity=(1-x)", "2 le DET Entity=(2-y)", "3 a X Entity=(3-z)")
    [doc] = read(tmp_path, text, problems := Problems())
    assert spans_of(doc) == [(0, 1, "x"), (0, 1, "y"), (1, 2, "z")]
    assert problems.counts == {"widened": 2}


def test_spaces_of_multiword_tokens(tmp_path: Path) -> None:
    """The row of the multiword token says whether a space follows."""
    text = sentence("1-2 du _ SpaceAfter=No", "1 de", "2 le", "3 .", "4 x")
    [doc] = read(tmp_path, text)
    assert doc.text == "du. x "
    text = sentence(
        "1-2 can't _ SpaceAfter=No", "1 ca", "2 n't", "3 .", "4-5 I'm", "4 I", "5 'm _ SpaceAfter=No", "6 x"
    )
    [doc] = read(tmp_path, text)
    assert doc.text == "can't. I'm x "


def test_empty_nodes(tmp_path: Path) -> None:
    """A mention of an empty node alone has no text. Its source means it so. A larger one is read without the node."""
    text = FIELDS + sentence(
        "0.1 _ PRON Entity=(1-person)", "1 a X Entity=(2-x", "1.1 _ PRON Entity=2)(3-y", "2 b X Entity=3)"
    )
    [doc] = read(tmp_path, text, problems := Problems(strict=True))
    assert (doc.text, spans_of(doc)) == ("a b ", [(0, 1, "x"), (1, 2, "y")])
    assert problems.counts == {"empty": 1}


@pytest.mark.parametrize("cells", [("_", "(1-x", "1)"), ("(1-x", "1)", "_")])
def test_empty_nodes_inside_a_multiword_token(tmp_path: Path, cells: tuple[str, str, str]) -> None:
    """A mention of such a node and of a word has the token of the word. It is wider than the mention."""
    a, b, c = (f" X Entity={cell}" if cell != "_" else "" for cell in cells)
    text = FIELDS + sentence("1-2 du", f"1 de{a}", f"1.1 _{b}", f"2 le{c}", "3 z")
    [doc] = read(tmp_path, text, problems := Problems())
    assert spans_of(doc) == [(0, 1, "x")] and problems.counts == {"widened": 1}
    text = FIELDS + sentence("1-2 du", "1 de", "1.1 _ X Entity=(1-x)", "2 le", "3 z")
    [doc] = read(tmp_path, text, problems := Problems(strict=True))
    assert not spans_of(doc) and problems.counts == {"empty": 1}


def test_brackets_of_a_multiword_token(tmp_path: Path) -> None:
    """They belong to its words."""
    text = FIELDS + sentence("1-2 We'll _ Entity=(1-x)", "1 We X Entity=(2-x)", "2 'll")
    [doc] = read(tmp_path, text, problems := Problems())
    assert (spans_of(doc), problems.counts) == ([(0, 1, "x")], {"no place": 1})


def test_type_field(tmp_path: Path) -> None:
    """By its name, wherever it is. The id can be in another place too."""
    text = "# global.Entity = entity-GRP-infstat-MIN\n" + words("(person-1-giv-2)", "(place-2-new-1", "2)")
    assert [spans_of(doc) for doc in read(tmp_path, text)] == [[(0, 1, "person"), (1, 3, "place")]]
    assert [spans_of(doc) for doc in read(tmp_path, text, type_field="infstat")] == [[(0, 1, "giv"), (1, 3, "new")]]
    text = text.replace("\t2)", "\tplace-2)")
    assert [ids(doc) for doc in read(tmp_path, text)] == [[("a", "1"), ("b c", "2")]]


def test_pronouns(tmp_path: Path) -> None:
    """A mention with another word is no pronoun."""
    text = FIELDS + sentence("1 my PRON Entity=(1-x(2-y)", "2 dog NOUN Entity=1)", "3 it PRON Entity=(1-x)")
    [doc] = read(tmp_path, text, problems := Problems(strict=True), pronouns=False)
    assert (spans_of(doc), problems.counts) == ([(0, 2, "x")], {"pronoun": 2})
    [doc] = read(tmp_path, text)
    assert len(doc.spans["sc"]) == 3


def syntax_of(*rows: str) -> str:
    """RETURNS (str): A sentence of rows of number, word, lemma, part of speech, head and relation."""
    cells = [row.split(" ") for row in rows]
    return (
        "\n".join("\t".join([n, word, lemma, pos, "_", "_", *rest, "_", "_"]) for n, word, lemma, pos, *rest in cells)
        + "\n\n"
    )


def test_syntax(tmp_path: Path) -> None:
    """Of two sentences. Of words that are one token, that of the word nearest to the root."""
    text = syntax_of("1 Dogs dog NOUN 2 nsubj", "2 ran run VERB 0 root") + syntax_of(
        "1 Elle elle PRON 2 nsubj", "2 va aller VERB 0 root", "3-4 du _ _ _ _", "4 le le DET 3 det"
    ).replace("4\tle", "3\tde\tde\tADP\t_\t_\t4\tcase\t_\t_\n4\tle").replace("DET\t_\t_\t3\tdet", "DET\t_\t_\t2\tobl")
    [doc] = read(tmp_path, text, syntax=True)
    found = [(token.text, token.lemma_, token.pos_, token.head.i, token.dep_) for token in doc]
    assert found == [
        ("Dogs", "dog", "NOUN", 1, "nsubj"),
        ("ran", "run", "VERB", 1, "root"),
        ("Elle", "elle", "PRON", 3, "nsubj"),
        ("va", "aller", "VERB", 3, "root"),
        ("du", "le", "DET", 3, "obl"),
    ]
    assert [sentence.start for sentence in doc.sents] == [0, 2]
    [plain] = read(tmp_path, text)
    assert (plain.text, plain.has_annotation("DEP"), plain.has_annotation("LEMMA")) == (doc.text, False, False)


@pytest.mark.parametrize(
    "rows, line, problem",
    [
        (["1 a a X _ _"], 1, "the head '_'. Expected the number of a word up to 1, or 0"),
        (["1 a a X 0 root", "2 b b X 3 obj"], 2, "the head '3'. Expected the number of a word up to 2"),
        (["1 a a X 0 root", "2 b b X 0 root"], 1, "words that are no tree with one root"),
        (["1 a a X 0 root", "2 b b X 3 obj", "3 c c X 2 obj"], 2, "words that are no tree with one root"),
        (["1 a a THING 0 root"], 1, "the part of speech 'THING'"),
    ],
)
def test_syntax_that_is_no_tree(tmp_path: Path, rows: list[str], line: int, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"B013\] .*x.conllu, line {line}: {problem}"):
        read(tmp_path, syntax_of(*rows), syntax=True)


def test_names(tmp_path: Path) -> None:
    """Those of `# newdoc`. A file without it has its own name. The order is that of the source."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.conllu").write_text(f"# newdoc id = {name}1\n{words('')}#newdoc id={name}2\n{words('')}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.conllu").write_text(words("", "", ""))
    names = tmp_path / "dev.txt"
    names.write_text("b2\nc\na1\n")
    docs = list(read_conllu(tmp_path, NLP, problems=Problems(), names=names))
    assert [len(doc) for doc in docs] == [1, 1, 3]
    names.write_text("b2\nb\n")
    with pytest.raises(ValueError, match=r"B034\] 1 of the documents .*: b\."):
        list(read_conllu(tmp_path, NLP, problems=Problems(), names=names))
    names.write_text("c")
    (tmp_path / "c.conllu").write_text(words(""))
    with pytest.raises(ValueError, match=r"B035\] The document c is in .*c.conllu and in .*sub"):
        list(read_conllu(tmp_path, NLP, problems=Problems(), names=names))


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ("1\ta\tO\n", 1, r"3 column\(s\) in '1.*O'. Expected ten columns of CoNLL-U"),
        (sentence("x a"), 1, r"10 column\(s\) in 'x.*Expected ten columns"),
        (sentence("1 "), 1, r"10 column\(s\) in '1.*Expected ten columns"),
        (sentence(f"{'9' * 5000} a"), 1, r"10 column\(s\) in '9.*Expected ten columns"),
        (sentence("1 a", "3 b"), 2, r"the number 3. Expected the word 2 of the sentence"),
        (sentence("2-3 a"), 1, r"the number 2-3. Expected the word 1 of"),
        (sentence("1-1 a", "1 a"), 1, r"the words 1-1. Expected at least two words"),
        (
            sentence("1-3 a", "1 a", "2-3 b", "2 b", "3 c"),
            3,
            r"the words 2-3. Expected at least two words, of no other",
        ),
        (sentence("1-3 a", "1 a", "2 b") + sentence("1 a"), 1, r"a multiword token up to 3. Expected its words. 2 is"),
        (words("(1-x)"), 1, r"'Entity=\(1-x\)'. Expected a comment `# global.Entity = "),
        ("# global.Entity = eid-head\n", 1, r"the fields eid, head. Expected the field etype or entity for the type"),
    ],
)
def test_conllu_errors(tmp_path: Path, text: str, line: int, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"B013\] .*x.conllu, line {line}: {problem}"):
        read(tmp_path, text)


def test_unknown_type_field(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 1: the fields eid, .*, other. Expected the field kind for the type"):
        read(tmp_path, FIELDS, type_field="kind")


SPANS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 3), st.sampled_from("xy")), max_size=8)


@settings(max_examples=80, deadline=None, database=None)
@given(spans=SPANS)
def test_conllu_round_trip(spans: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Mentions are the same after writing and reading, crossing ones too, except that those of one entity must nest."""
    wanted: dict[tuple[int, int, str], int] = {}
    for start, end, entity, label in sorted((min(a, b), max(a, b), *rest) for a, b, *rest in spans):
        crosses = any(s < start <= e < end or start < s <= end < e for (s, e, _), n in wanted.items() if n == entity)
        if not crosses:
            wanted.setdefault((start, end, label), entity)
    cells = [""] * 6
    for start, end, label in sorted(wanted, key=lambda span: (span[0], -span[1])):
        cells[start] += f"({wanted[start, end, label]}-{label}" + (")" if start == end else "")
    for start, end, label in sorted(wanted, key=lambda span: -span[0]):
        if start < end:
            # What closes comes before what opens.
            opening = cells[end].find("(")
            cut = opening if opening >= 0 else len(cells[end])
            cells[end] = f"{cells[end][:cut]}{wanted[start, end, label]}){cells[end][cut:]}"
    path = tmp_path_factory.mktemp("conllu") / "x.conllu"
    [doc] = read(path, FIELDS + words(*cells))
    assert {(span.start, span.end - 1, span.label_, span.id_) for span in doc.spans["sc"]} == {
        (*span, str(entity)) for span, entity in wanted.items()
    }


@pytest.mark.skipif(not GUM.exists(), reason="GUM is not in the repository")
def test_gum() -> None:
    """Everything is read, and each sentence is the text that its comment gives."""
    docs = list(read_conllu(GUM, NLP, problems=Problems(strict=True)))
    counts = [len(docs), sum(map(len, docs)), sum(len(doc.spans["sc"]) for doc in docs)]
    assert [*counts, sum(inside_another(doc, "sc") for doc in docs)] == [237, 233_926, 65_473, 24_782]
    lines = [line for file in sorted(GUM.glob("*.conllu")) for line in file.read_text(encoding="utf8").split("\n")]
    texts = [line.removeprefix("# text = ") for line in lines if line.startswith("# text = ")]
    assert [sentence.text.strip() for doc in docs for sentence in doc.sents] == texts
    trees = read_conllu(GUM, NLP, problems=Problems(strict=True), syntax=True)
    assert [sentence.text.strip() for doc in trees for sentence in doc.sents] == texts
