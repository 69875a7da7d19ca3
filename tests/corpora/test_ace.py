"""ACE 2004 and ACE 2005."""

import re
from pathlib import Path

import ace_files
import pytest
import spacy
from ace_files import Entity, write, write_ace2004, write_ace2005
from conftest import spans_of
from spacy.tokens import Doc
from spacy.util import registry

from spacy_binder.corpora.ace import read_ace
from spacy_binder.corpora.ace_sgml import OUTSIDE, read_sgml
from spacy_binder.corpora.problems import Problems

NLP = spacy.blank("en")
SGML = "<DOC>\n<DOCID> x </DOCID>\n<TEXT>\n{text}\n</TEXT>\n</DOC>\n"


def texts_of(doc: Doc) -> list[tuple[str, str]]:
    """RETURNS (list): Text and label of each span."""
    return [(span.text, span.label_) for span in doc.spans["sc"]]


def test_ace2004(tmp_path: Path) -> None:
    """Folders by source, nested mentions, `&AMP;`, an extent on two lines, a headline."""
    problems = Problems(strict=True)
    broadcast, newswire = read_ace(write_ace2004(tmp_path), NLP, problems=problems)
    assert broadcast.text == "rain fell on nordvik all day\n\nthe governor stayed at home"
    assert spans_of(broadcast) == [(3, 4, "GPE"), (7, 9, "PER"), (11, 12, "FAC")]
    assert newswire.text == (
        "SKARVHOLM, Norway (AP) _ The mayor of the port of Skarvholm met the owners of Holt & Daughters on Sunday. "
        "Anna Lind, who had come from Oslo, said she liked their ferries\n\n"
        "The weather was fine _ for once.\n\n(STORY CAN END HERE)"
    )
    assert texts_of(newswire) == [
        ("SKARVHOLM, Norway", "GPE"),
        ("Norway", "GPE"),
        ("The mayor of the port of Skarvholm", "PER"),
        ("the port of Skarvholm", "FAC"),
        ("Skarvholm", "GPE"),
        ("the owners of Holt & Daughters", "PER"),
        ("Holt & Daughters", "ORG"),
        ("Anna Lind, who had come from Oslo", "PER"),
        ("Oslo", "GPE"),
        ("she", "PER"),
        ("their ferries", "VEH"),
        ("their", "ORG"),
    ]
    assert [len(sentence.text.split()) for sentence in newswire.sents] == [20, 12, 7, 4]
    [problem] = problems.first["outside the text"]
    assert (problem.path.name, problem.text) == ("APW20001001.2021.0521.apf.xml", "Lind")
    assert problems.counts.total() == 1


def test_ace2005(tmp_path: Path) -> None:
    """timex2norm is preferred to adj, fp1 and fp2 are never read. Speakers, posters and quoted posts."""
    problems = Problems(strict=True)
    conversation, usenet = read_ace(write_ace2005(tmp_path), NLP, problems=problems)
    assert conversation.text == (
        "LIND\n\nGood evening from Nordvik. The crew of the U.S. frigate at the naval base is armed with old rifles."
        "\n\nKOH\n\nThe Rhine is far"
    )
    assert spans_of(conversation) == [
        (0, 1, "PER"),
        (5, 6, "GPE"),
        (7, 17, "PER"),
        (10, 17, "VEH"),
        (11, 12, "GPE"),
        (14, 17, "FAC"),
        (20, 22, "WEA"),
        (24, 25, "PER"),
        (26, 28, "LOC"),
    ]
    assert [sentence.text.strip()[:7] for sentence in conversation.sents] == [
        "LIND",
        "Good ev",
        "The cre",
        "KOH",
        "The Rhi",
    ]
    assert usenet.text == (
        "ines@example.org\n\n2005-02-04T07:11:00\n\nferries\n\nHe works for R&D in Riga, at Holt & Co."
    )
    assert texts_of(usenet) == [
        ("ines@example.org", "PER"),
        ("He", "PER"),
        ("R&D in Riga", "ORG"),
        ("Riga", "GPE"),
        ("Holt & Co.", "ORG"),
    ]
    assert dict(problems.counts) == {"outside the text": 1}


def test_ace_heads(tmp_path: Path) -> None:
    """The heads instead of the extents."""
    conversation, _ = read_ace(write_ace2005(tmp_path), NLP, problems=Problems(strict=True), mention="head")
    assert texts_of(conversation) == [
        ("LIND", "PER"),
        ("Nordvik", "GPE"),
        ("crew", "PER"),
        ("U.S.", "GPE"),
        ("frigate", "VEH"),
        ("base", "FAC"),
        ("rifles", "WEA"),
        ("KOH", "PER"),
        ("Rhine", "LOC"),
    ]


def test_ace_headlines(tmp_path: Path) -> None:
    """With `headlines`, a headline is the first paragraph."""
    problems = Problems(strict=True)
    conversation, _ = read_ace(write_ace2005(tmp_path), NLP, problems=problems, headlines=True)
    assert conversation.text.startswith("Is Nordvik Ready?\n\nLIND\n\nGood evening")
    assert [span.start for span in conversation.spans["sc"] if span.text == "Nordvik"] == [1, 10]
    assert not problems.counts


def test_ace_folders(tmp_path: Path) -> None:
    """Any folder of the distribution is read, and any file of a document. First passes alone are an error."""
    english = write_ace2005(tmp_path) / "data" / "English"
    name = "CNN_CF_20030303.1900.00"

    def read(path: Path) -> list[int]:
        return [len(doc.spans["sc"]) for doc in read_ace(path, NLP, problems=Problems())]

    assert read(tmp_path) == read(english) == [9, 5]
    assert read(english / "bc") == read(english / "bc" / "timex2norm") == [9]
    assert read(english / "bc" / "adj") == read(english / "bc" / "adj" / f"{name}.sgm") == [2]
    assert read(english / "bc" / "adj" / f"{name}.apf.xml") == [2]
    with pytest.raises(ValueError, match=r"B029\] .*fp1 contains no file that ends in .sgm outside fp1 and fp2"):
        read(english / "bc" / "fp1")


def test_ace2004_names_on_disc(tmp_path: Path) -> None:
    """Names in capitals and shortened. Lists have them with and without folders."""
    folder = tmp_path / "ENGLISH" / "NWIRE"
    folder.mkdir(parents=True)
    for name, suffix in (("APW20001001_2021_0521", "_APF.XML"), ("CHTB_051_ENG", "_A.XML")):
        sgml, entities = ace_files.NEWSWIRE_2004, ace_files.NEWSWIRE_ENTITIES
        (folder / f"{name}.SGM").write_text(sgml, encoding="utf8")
        (folder / f"{name}{suffix}").write_text(ace_files.apf(2004, name, sgml, entities), encoding="utf8")
    documents = tmp_path / "dev.txt"
    documents.write_text("chinese_treebank/chtb_051.eng\nAPW20001001.2021.0521.sgm\n", encoding="utf8")
    problems = Problems()
    docs = list(read_ace(tmp_path, NLP, problems=problems, documents=documents))
    assert [len(doc.spans["sc"]) for doc in docs] == [12, 12]
    assert [p.path.name for p in problems.first["outside the text"]] == [
        "CHTB_051_ENG_A.XML",
        "APW20001001_2021_0521_APF.XML",
    ]


def test_ace_documents(tmp_path: Path) -> None:
    """The documents of a list, in its order. A missing one is an error."""
    write_ace2005(tmp_path)
    documents = tmp_path / "test.txt"
    documents.write_text("un/adj/soc.boats_20050204.0711\nCNN_CF_20030303.1900.00\n", encoding="utf8")
    docs = read_ace(tmp_path, NLP, problems=Problems(), documents=documents)
    assert [doc[0].text for doc in docs] == ["ines@example.org", "LIND"]
    documents.write_text("nw/adj/AFP_1\nCNN_CF_20030303.1900.00\nAFP_2\n", encoding="utf8")
    with pytest.raises(
        ValueError, match=r"B034\] 2 of the documents that .*test.txt lists .* being: nw/adj/AFP_1, AFP_2"
    ):
        list(read_ace(tmp_path, NLP, problems=Problems(), documents=documents))


def test_ace_without_list_of_documents(tmp_path: Path) -> None:
    """The message names the missing list."""
    write_ace2004(tmp_path)
    with pytest.raises(ValueError, match=r"B030\] There is no file or folder .*dev.txt"):
        list(read_ace(tmp_path, NLP, problems=Problems(), documents=tmp_path / "dev.txt"))


@pytest.mark.parametrize("name", ["ace2004", "ace2005"])
def test_ace_in_a_config(tmp_path: Path, name: str) -> None:
    """A config names the reader, with its options, and `spacy train` gets examples."""
    {"ace2004": write_ace2004, "ace2005": write_ace2005}[name](tmp_path)
    config = {"@readers": f"spacy_binder.{name}.v1", "path": str(tmp_path), "mention": "head", "headlines": True}
    corpus = registry.resolve({"corpus": config})["corpus"]
    examples = list(corpus(NLP))
    assert [len(example.reference.spans["sc"]) for example in examples] == {"ace2004": [3, 13], "ace2005": [10, 5]}[
        name
    ]


def test_ace_problems(tmp_path: Path) -> None:
    """Annotations that do not fit are counted. The others are read."""
    text = "The mayor-elect of Riga met Ines Koh."
    entities = [
        Entity("PER", [("mayor", "mayor", 0), ("The mayor-elect of Riga", "mayor", 0), ("Ines Koh", "Koh", 0)]),
        Entity("PER", [("Ines Koh", "Ines", 0)]),
        Entity("TITLE", [("Ines", "Ines", 0)]),
        Entity("GPE", [("iga", "iga", 0), ("Riga met", "Riga", 0), ("Riga", "Riga", 0)]),
    ]
    write(tmp_path, 2005, "x", SGML.format(text=text), entities)
    path = tmp_path / "x.apf.xml"
    xml = path.read_text(encoding="utf8").replace(">Riga met<", ">Riga\n  Met<")
    start = re.sub("<[^<>]+>", "", SGML).index("{text}") + text.index("Riga")
    riga = f'START="{start}" END="{start + 3}">Riga<'
    assert riga in xml
    far = '<entity ID="F" TYPE="PER"><entity_mention ID="F-1"><extent><charseq START="5" END="999">x</charseq></extent>'
    xml = xml.replace(riga, f'START="{start + 3}" END="{start}">Riga<')
    path.write_text(xml.replace("</document>", f"{far}</entity_mention></entity></document>"), encoding="utf8")
    problems = Problems()
    [doc] = read_ace(tmp_path, NLP, problems=problems)
    assert texts_of(doc) == [("The mayor-elect of Riga", "PER"), ("mayor", "PER"), ("Ines Koh", "PER")]
    assert problems.counts == dict.fromkeys(
        ["duplicate", "other type", "misaligned", "other text", "inverted", "out of range"], 1
    )
    [problem] = problems.first["misaligned"]
    assert (problem.path, problem.text) == (path, "iga")
    assert xml.splitlines()[problem.line - 1].endswith(">iga</charseq>")
    with pytest.raises(ValueError, match=r"B028\]"):
        list(read_ace(tmp_path, NLP, problems=Problems(strict=True)))


def test_ace_sentences(tmp_path: Path) -> None:
    """A mention with a full stop stays in one sentence. The pipeline's own sentencizer is used."""
    text = "He saw St. Olav's Church ! Here. There; here"
    entities = [Entity("FAC", [("Church ! Here", "Church", 0)])]
    write(tmp_path, 2005, "x", SGML.format(text=text), entities)
    [doc] = read_ace(tmp_path, NLP, problems=Problems(strict=True))
    assert [sentence.text for sentence in doc.sents] == ["He saw St. Olav's Church ! Here.", "There; here"]
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer", name="borders", config={"punct_chars": [";"]})
    [doc] = read_ace(tmp_path, nlp, problems=Problems(strict=True))
    assert [sentence.text for sentence in doc.sents] == ["He saw St. Olav's Church ! Here. There;", "here"]


def test_ace_offsets(tmp_path: Path) -> None:
    """Offsets skip tags and count the characters of entities. Unknown entities and a lone `<` are text."""
    path = tmp_path / "x.sgm"
    path.write_text("<DOC>\nx\n<TEXT>\nA<i>&lt;\nB &UR; 1 < 2\n\n &QUOT;C\n</TEXT>\ny", encoding="utf8")
    source = read_sgml(path)
    assert source.text == 'A\n\n< B &UR; 1 < 2\n\n"C'
    counted = "\nx\n\nA&lt;\nB &UR; 1 < 2\n\n &QUOT;C\n\ny"
    assert len(source.positions) == len(counted)
    assert source.positions[:3] == [OUTSIDE] * 3 and source.positions[-2:] == [OUTSIDE] * 2
    for raw, character in (
        ("A", "A"),
        ("&lt;", "<"),
        ("B", "B"),
        ("&UR;", "&"),
        ("< 2", "<"),
        ("&QUOT;", '"'),
        ("C", "C"),
    ):
        start = counted.index(raw)
        assert source.text[source.positions[start]] == character
    assert {source.positions[i] for i in range(counted.index("&lt;"), counted.index("\nB"))} == {3}
    assert source.paragraphs == {0, 3, source.text.index('"C')}


def test_ace_missing_files(tmp_path: Path) -> None:
    """A missing file of a pair, and the same document twice, are errors."""
    write(tmp_path / "a", 2004, "x", ace_files.BROADCAST_2004, [])
    write(tmp_path / "b", 2004, "x", ace_files.BROADCAST_2004, [])
    with pytest.raises(ValueError, match=r"B035\] The document X is in .*a and in .*b"):
        list(read_ace(tmp_path, NLP, problems=Problems()))
    (tmp_path / "a" / "x.sgm").unlink()
    with pytest.raises(ValueError, match=r"B033\] .*x.apf.xml has no file .sgm"):
        list(read_ace(tmp_path / "a", NLP, problems=Problems()))
    (tmp_path / "b" / "x.apf.xml").unlink()
    with pytest.raises(ValueError, match=r"B033\] .*x.sgm has no file .apf.xml"):
        list(read_ace(tmp_path / "b", NLP, problems=Problems()))


@pytest.mark.parametrize(
    "old, new, problem",
    [
        ("</entity>", "", r"line \d+: not XML \(mismatched tag.*Expected ACE's XML"),
        ('START="', 'FIRST="', r"line 8: START and END of \('', '\d+'\). Expected the numbers"),
        ('START="', 'START="-', r"line 8: START and END of \('-\d+', "),
        ('START="', f'START="{"1" * 5000}', r"line 8: START and END of \('1+.*Expected the numbers of two"),
        ("extent>", "part>", r"line 6: a mention without <extent>"),
        ("document", "file", r"line 1: no <document>"),
    ],
)
def test_ace_xml_errors(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """The message names the file, the line and the expected content."""
    write(tmp_path, 2004, "x", ace_files.BROADCAST_2004, ace_files.BROADCAST_ENTITIES)
    path = tmp_path / "x.apf.xml"
    path.write_text(path.read_text(encoding="utf8").replace(old, new), encoding="utf8")
    with pytest.raises(ValueError, match=rf"B013\] .*x.apf.xml, {problem}"):
        list(read_ace(tmp_path, NLP, problems=Problems()))


def test_ace_source_without_text(tmp_path: Path) -> None:
    """A file without <TEXT> is an error. An empty text is not."""
    write(tmp_path, 2004, "x", SGML.format(text=""), [])
    [doc] = read_ace(tmp_path, NLP, problems=Problems())
    assert (doc.text, spans_of(doc)) == ("", [])
    (tmp_path / "x.sgm").write_text("<DOC>\nRain.\n</DOC>\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"B013\] .*x.sgm, line 1: no <TEXT>"):
        list(read_ace(tmp_path, NLP, problems=Problems()))


def test_ace_mention_option(tmp_path: Path) -> None:
    """`mention` has two possible values."""
    with pytest.raises(ValueError, match=r"B016\] Unknown value of `mention` 'heads'. There are: extent, head"):
        list(read_ace(tmp_path, NLP, problems=Problems(), mention="heads"))
