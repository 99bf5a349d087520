"""Every finding has a code of its own, is raised somewhere, is reported by one check and explained on the page."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

import radcnn
from radcnn.data.findings import CODES, FINDINGS, PAGE, SUBJECTS, Finding, finding, subject_of
from radcnn.study.checks import CHECKS, CHECKS_OF_A_RUN

PROJECT = Path(__file__).resolve().parents[2]
ALL_CHECKS = {**CHECKS, **CHECKS_OF_A_RUN}
LINES = ("*Means:*", "*Matters:*", "*Measured:*", "*Way out:*", "*Mute:*")


def sections() -> dict[str, str]:
    """What the page says under each code."""
    _, _, codes = (PROJECT / PAGE).read_text(encoding="utf-8").partition("\n## Codes\n")
    parts = re.split(r"^### (RC\d{3})$", codes, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_codes_are_unique_and_in_order() -> None:
    codes = [code for code, _ in FINDINGS.values()]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"RC\d{3}", code) for code in codes)


def test_every_finding_is_raised_somewhere() -> None:
    source = "".join(path.read_text() for path in Path(radcnn.__file__).parent.rglob("*.py"))
    assert [name for name in FINDINGS if f'finding("{name}"' not in source] == []


def test_every_code_has_a_section_on_the_page_and_every_section_a_code_in_order() -> None:
    assert list(sections()) == sorted(CODES)


@pytest.mark.parametrize("name", FINDINGS)
def test_a_section_says_what_the_code_is_and_answers_every_question(name: str) -> None:
    code, severity = FINDINGS[name]
    text = sections()[code]
    assert text.startswith(f"\n\n**{name}** · {severity} · {subject_of(code)}\n")
    answers = re.findall(r"^- (\*[A-Z][a-z ]+:\*) (.+)$", text, flags=re.MULTILINE)
    assert tuple(question for question, _ in answers) == LINES
    assert all(answer.endswith((".", ".)")) for _, answer in answers)


def test_every_code_is_reported_by_exactly_one_check_and_every_check_has_one_subject() -> None:
    reported = [code for check in ALL_CHECKS.values() for code in check.codes]
    assert sorted(reported) == sorted(CODES)
    assert len(ALL_CHECKS) == len(CHECKS) + len(CHECKS_OF_A_RUN), "no name is used twice"
    assert {name: {subject_of(code) for code in check.codes} for name, check in ALL_CHECKS.items() if
            len({subject_of(code) for code in check.codes}) != 1} == {}  # fmt: skip


def test_subjects_are_in_order_and_begin_with_the_first_code() -> None:
    firsts = [first for first, _ in SUBJECTS]
    assert firsts[0] == "RC001"
    assert firsts == sorted(firsts)
    assert all(one != other for (_, one), (_, other) in pairwise(SUBJECTS))


def test_a_finding_is_the_same_after_json() -> None:
    one = finding("identical images on test and another side", "2 groups", "take them off")
    assert Finding(**one.as_json()) == one  # type: ignore[arg-type]
    assert one.told() == {**one.as_json(), "subject": "split", "page": "docs/checks.md#rc023"}
