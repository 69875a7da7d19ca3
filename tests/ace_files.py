"""Small files in the formats of ACE 2004 and ACE 2005; the texts are made up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, unescape

NEWSWIRE_2004 = """<DOC>
<DOCNO> APW20001001.2021.0521 </DOCNO>
<DOCTYPE> NEWS STORY </DOCTYPE>
<DATE_TIME> 2000-10-01 20:21 </DATE_TIME>
<BODY>
<HEADLINE>
Lind Meets Ferry Builders
</HEADLINE>
<TEXT>
   SKARVHOLM, Norway (AP) _ The mayor of the port of Skarvholm met
the owners of Holt &AMP; Daughters on Sunday. Anna Lind, who had
come from Oslo, said she liked their ferries

   The weather was fine _ for once.
<ANNOTATION> (STORY CAN END HERE) </ANNOTATION>
</TEXT>
</BODY>
</DOC>
"""

BROADCAST_2004 = """<DOC>
<DOCNO> VOA20001103.2100.0225 </DOCNO>
<DOCTYPE> NEWS </DOCTYPE>
<DATE_TIME> 11/03/2000 21:00:00.00 </DATE_TIME>
<BODY>
<TEXT>
rain fell on nordvik all day
<TURN>
the governor stayed at home
</TEXT>
</BODY>
<END_TIME> 11/03/2000 21:00:40.00 </END_TIME>
</DOC>
"""

CONVERSATION_2005 = """<DOC>
<DOCID> CNN_CF_20030303.1900.00 </DOCID>
<DOCTYPE SOURCE="broadcast conversation"> STORY </DOCTYPE>
<DATETIME> 2003-03-03T19:00:00-05:00 </DATETIME>
<BODY>
<HEADLINE>
Is Nordvik Ready?
</HEADLINE>
<TEXT>
<TURN>
<SPEAKER> LIND </SPEAKER>
Good evening from Nordvik. The crew of the U.S. frigate
at the naval base is armed with old
rifles.
</TURN>
<TURN>
<SPEAKER> KOH </SPEAKER>
The Rhine is far
</TURN>
</TEXT>
</BODY>
</DOC>
"""

USENET_2005 = """<DOC>
<DOCID> soc.boats_20050204.0711 </DOCID>
<DOCTYPE SOURCE="usenet"> USENET TEXT </DOCTYPE>
<DATETIME> 2005-02-04T07:11:00 </DATETIME>
<BODY>
<HEADLINE>
Re: ferries
</HEADLINE>
<TEXT>
<POST>
<POSTER> ines@example.org </POSTER>
<POSTDATE> 2005-02-04T07:11:00 </POSTDATE>
<SUBJECT> ferries </SUBJECT>
<QUOTE PREVIOUSPOST="
Anna wrote:
The mayor sails.
">
He works for R&amp;D in Riga, at Holt &amp; Co.
</POST>
</TEXT>
</BODY>
</DOC>
"""


class Entity(NamedTuple):
    """An entity and its mentions: extent, head, and the number of equal extents before it."""

    type: str
    mentions: list[tuple[str, str, int]]


APF = {
    2004: '<!DOCTYPE source_file SYSTEM "apf.v4.0.1.dtd">\n'
    '<source_file SOURCE="newswire" TYPE="text" VERSION="4.0" URI="{name}.sgm">\n<document DOCID="{name}">\n',
    2005: '<!DOCTYPE source_file SYSTEM "apf.v5.1.1.dtd">\n'
    '<source_file URI="{name}.sgm" SOURCE="newswire" TYPE="text" AUTHOR="LDC" ENCODING="UTF-8">\n'
    '<document DOCID="{name}">\n',
}
# Elements that a reader of mentions has to skip.
OTHER = {
    2004: '<relation ID="R1" TYPE="PHYS"><rel_entity_arg ENTITYID="E1" ARGNUM="1"/></relation>\n',
    2005: '<timex2 ID="T1"><timex2_mention ID="T1-1"><extent><charseq START="9" END="12">none</charseq></extent>'
    '</timex2_mention></timex2>\n<value ID="V1" TYPE="Numeric"><value_mention ID="V1-1"><extent>'
    '<charseq START="9" END="12">none</charseq></extent></value_mention></value>\n',
}


def characters(start: int, raw: str) -> str:
    """RETURNS (str): A charseq element. Offsets count all characters of `&AMP;`, and the quoted text has one."""
    text = escape(unescape(raw, {"&AMP;": "&"}))
    return f'<charseq START="{start}" END="{start + len(raw) - 1}">{text}</charseq>'


def apf(year: int, name: str, sgml: str, entities: list[Entity]) -> str:
    """RETURNS (str): The annotations of a source file."""
    text = re.sub("<[^<>]+>", "", sgml)
    lines = [f'<?xml version="1.0"?>\n{APF[year].format(name=name)}']
    for n, entity in enumerate(entities, start=1):
        subtype = 'SUBTYPE="Other" ' if year == 2005 else ""
        lines.append(f'<entity ID="{name}-E{n}" TYPE="{entity.type}" {subtype}CLASS="SPC">\n')
        for m, (extent, head, n_before) in enumerate(entity.mentions, start=1):
            start = [match.start() for match in re.finditer(re.escape(extent), text)][n_before]
            lines.append(
                f'  <entity_mention ID="{n}-{m}" TYPE="NAM" LDCTYPE="NAM">\n'
                f"    <extent>\n      {characters(start, extent)}\n    </extent>\n"
                f"    <head>\n      {characters(text.index(head, start), head)}\n    </head>\n  </entity_mention>\n"
            )
        lines.append("</entity>\n")
    return "".join([*lines, OTHER[year], "</document>\n</source_file>\n"])


PORT = "The mayor of the port of Skarvholm"
OWNERS = "the owners of Holt &AMP; Daughters"
ANNA = "Anna Lind, who had\ncome from Oslo"
NEWSWIRE_ENTITIES = [
    Entity("PER", [(PORT, "mayor", 0), (ANNA, "Anna Lind", 0), ("she", "she", 0), ("Lind", "Lind", 0)]),
    Entity("FAC", [("the port of Skarvholm", "port", 0)]),
    Entity("GPE", [("SKARVHOLM, Norway", "SKARVHOLM", 0), ("Skarvholm", "Skarvholm", 0)]),
    Entity("GPE", [("Norway", "Norway", 0)]),
    Entity("GPE", [("Oslo", "Oslo", 0)]),
    Entity("PER", [(OWNERS, "owners", 0)]),
    Entity("ORG", [("Holt &AMP; Daughters", "Holt &AMP; Daughters", 0)]),
    Entity("VEH", [("their ferries", "ferries", 0)]),
    Entity("ORG", [("their", "their", 0)]),
]
BROADCAST_ENTITIES = [
    Entity("GPE", [("nordvik", "nordvik", 0)]),
    Entity("PER", [("the governor", "governor", 0)]),
    Entity("FAC", [("home", "home", 0)]),
]
CONVERSATION_ENTITIES = [
    Entity("PER", [("LIND", "LIND", 0)]),
    Entity("PER", [("KOH", "KOH", 0)]),
    Entity("GPE", [("Nordvik", "Nordvik", 0), ("Nordvik", "Nordvik", 1)]),
    Entity("PER", [("The crew of the U.S. frigate\nat the naval base", "crew", 0)]),
    Entity("VEH", [("the U.S. frigate\nat the naval base", "frigate", 0)]),
    Entity("GPE", [("U.S.", "U.S.", 0)]),
    Entity("FAC", [("the naval base", "base", 0)]),
    Entity("WEA", [("old\nrifles", "rifles", 0)]),
    Entity("LOC", [("The Rhine", "Rhine", 0)]),
]
USENET_ENTITIES = [
    Entity("PER", [("ines@example.org", "ines@example.org", 0), ("He", "He", 0)]),
    Entity("ORG", [("R&amp;D in Riga", "R&amp;D", 0)]),
    Entity("GPE", [("Riga", "Riga", 0)]),
    Entity("ORG", [("Holt &amp; Co.", "Holt &amp; Co.", 0)]),
]
ACE2004 = {
    "nwire/APW20001001.2021.0521": (NEWSWIRE_2004, NEWSWIRE_ENTITIES),
    "bnews/VOA20001103.2100.0225": (BROADCAST_2004, BROADCAST_ENTITIES),
}
ACE2005 = {
    "bc/CNN_CF_20030303.1900.00": (CONVERSATION_2005, CONVERSATION_ENTITIES),
    "un/soc.boats_20050204.0711": (USENET_2005, USENET_ENTITIES),
}


def write(folder: Path, year: int, name: str, sgml: str, entities: list[Entity]) -> None:
    """Write the two files of a document."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sgm").write_text(sgml, encoding="utf8")
    (folder / f"{name}.apf.xml").write_text(apf(year, name, sgml, entities), encoding="utf8")


def write_ace2004(folder: Path) -> Path:
    """Write a corpus in the layout of ACE 2004, with a document of another language. RETURNS (Path): The folder."""
    for path, (sgml, entities) in ACE2004.items():
        kind, name = path.split("/")
        write(folder / "data" / "English" / kind, 2004, name, sgml, entities)
    write(folder / "data" / "Arabic" / "nwire", 2004, "XIN1", BROADCAST_2004, [])
    return folder


def write_ace2005(folder: Path) -> Path:
    """Write a corpus in the layout of ACE 2005. fp1, fp2 and most of adj have fewer entities than timex2norm."""
    for path, (sgml, entities) in ACE2005.items():
        kind, name = path.split("/")
        for version, found in (("fp1", []), ("fp2", entities[:1]), ("adj", entities[:2]), ("timex2norm", entities)):
            # One document is adjudicated but has no normalized times.
            if version == "timex2norm" and kind == "un":
                continue
            found = entities if version == "adj" and kind == "un" else found
            write(folder / "data" / "English" / kind / version, 2005, name, sgml, found)
            (folder / "data" / "English" / kind / version / f"{name}.ag.xml").write_text("<AGSet/>", encoding="utf8")
    write(folder / "data" / "Chinese" / "nw" / "adj", 2005, "XIN1", CONVERSATION_2005, [])
    return folder
