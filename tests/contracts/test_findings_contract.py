"""Every finding has a code of its own, in order, and is raised somewhere."""

from __future__ import annotations

from pathlib import Path

import radcnn
from radcnn.data.findings import FINDINGS


def test_codes_are_unique_and_in_order() -> None:
    codes = [code for code, _ in FINDINGS.values()]
    assert codes == [f"RC{number:03d}" for number in range(1, len(codes) + 1)]


def test_every_finding_is_raised_somewhere() -> None:
    source = "".join(path.read_text() for path in Path(radcnn.__file__).parent.rglob("*.py"))
    assert [name for name in FINDINGS if f'finding("{name}"' not in source] == []
