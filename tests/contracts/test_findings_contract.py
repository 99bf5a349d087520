"""Every finding has a code of its own, in order (tens of one subject stand together), and is raised somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import radcnn
from radcnn.data.findings import FINDINGS


def test_codes_are_unique_and_in_order() -> None:
    codes = [code for code, _ in FINDINGS.values()]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"RC\d{3}", code) for code in codes)


def test_every_finding_is_raised_somewhere() -> None:
    source = "".join(path.read_text() for path in Path(radcnn.__file__).parent.rglob("*.py"))
    assert [name for name in FINDINGS if f'finding("{name}"' not in source] == []
