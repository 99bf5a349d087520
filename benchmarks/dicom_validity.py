"""DICOM files that radcnn wrote, checked by dicom-validator (MIT) against the tables of the standard.

    pip install dicom-validator dicom-standard==0.1.dev202004162024
    python benchmarks/dicom_validity.py FILE_OR_FOLDER ...

dicom-validator reads the standard's own books, which it would download; the package dicom-standard has the same tables
(edition 2020b) as JSON, of which its JSON is made here: modules of every IOD, attributes with types and conditions.
Exits 1 where a file has an error.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from dicom_validator.spec_reader.condition import ConditionType
from dicom_validator.spec_reader.condition_parser import ConditionParser
from dicom_validator.spec_reader.serializer import DefinitionEncoder
from dicom_validator.validator.dicom_file_validator import DicomFileValidator
from dicom_validator.validator.dicom_info import DicomInfo

MARKUP = re.compile(r"<[^>]+>")


def main(paths: list[str]) -> int:
    """Errors of all files together."""
    validator = DicomFileValidator(tables(Path(sys.prefix) / "standard"))
    errors = 0
    for path in paths:
        for name, found in validator.validate(path).items():
            errors += found.errors
            print(f"{Path(name).name}: {found.status.name}, {found.errors} errors")
    return int(errors > 0)


def tables(folder: Path) -> DicomInfo:
    """The tables in dicom-validator's form, from those of dicom-standard."""
    read = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    words = {
        one["tag"]: {
            "name": one["name"], "vr": one["valueRepresentation"], "vm": one["valueMultiplicity"],
            "prop": "RET" if one["retired"] == "Y" else "",
        }
        for one in read["attributes"]
    }  # fmt: skip
    parser = ConditionParser(words)
    modules = _attributes(read["module_to_attributes"], words, parser)
    modules |= _attributes(read["macro_to_attributes"], words, parser)
    titles = {one["id"]: one["name"] for one in (*read["modules"], *read["macros"])}
    called = {one["name"]: one["id"] for one in read["ciods"]}
    parts, groups = (_used(read[name], key, titles, parser) for name, key in
                     (("ciod_to_modules", "moduleId"), ("ciod_to_fg_macros", "macroId")))  # fmt: skip
    iods = {}
    for sop in read["sops"]:
        if (iod := called.get(sop["ciod"])) is not None:
            iods[sop["id"]] = {"title": sop["ciod"], "modules": parts[iod], "group_macros": groups[iod]}
    plain = json.loads(json.dumps([words, iods, modules], cls=DefinitionEncoder))
    return DicomInfo(*plain)


def _attributes(rows: list[dict[str, Any]], words: dict[str, Any], parser: ConditionParser) -> dict[str, Any]:
    """The attributes of every module or macro, nested as sequences are."""
    made: dict[str, Any] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row["path"].count(":")):
        name, *path = row["path"].split(":")
        place = made[name]
        if "xx" in row["path"].lower():  # repeating groups, such as overlays
            continue
        for tag in path[:-1]:
            place = place[_tag(tag)].setdefault("items", {})
        said = " ".join(MARKUP.sub(" ", row["description"]).split())
        one: dict[str, Any] = {"name": words.get(row["tag"], {}).get("name", row["tag"]), "type": row["type"]}
        if row["type"] in ("1C", "2C"):
            condition = parser.parse(said)
            if condition.type != ConditionType.UserDefined:
                one["cond"] = condition
        place[_tag(path[-1])] = one
    for name in made:
        if name == "multi-frame-functional-groups":  # what it includes depends on the IOD
            for tag in ("(5200,9229)", "(5200,9230)"):
                made[name][tag].setdefault("items", {})["include"] = [{"ref": "FuncGroup"}]
    return made


def _used(rows: list[dict[str, Any]], key: str, titles: dict[str, str], parser: ConditionParser) -> dict[str, Any]:
    """What each IOD is made of."""
    made: dict[str, Any] = defaultdict(dict)
    for row in rows:
        one: dict[str, Any] = {"ref": row[key], "use": row["usage"]}
        if row["usage"] == "C":
            one["cond"] = parser.parse(f"C - {row['conditionalStatement']}")
            one["use"] = f"C - {row['conditionalStatement']}"
        made[row["ciodId"]][titles[row[key]]] = one
    return made


def _tag(digits: str) -> str:
    return f"({digits[:4]},{digits[4:]})".upper()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
