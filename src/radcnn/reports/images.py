"""What the pages of networks that make images share: the frame, the training, the split, the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from radcnn.plan.settings import Reason
from radcnn.reports import headline
from radcnn.reports.epochs import EpochRow, members, summary
from radcnn.reports.figures.training import curves
from radcnn.reports.fragment import Fragment
from radcnn.reports.page import environment_of_pages, styles
from radcnn.reports.pictures import data_uri
from radcnn.reports.story import FindingLine, Opening

SHARED: Mapping[str, str] = {
    "training": "Training",
    "split": "Split and ledger",
    "findings": "Findings about the data",
    "plan": "Plan, and the reason of every rule",
    "reproduce": "How to do it again",
    "limits": "Limits of use",
}


@dataclass(frozen=True, kw_only=True)
class ImageStory:
    """What every such page says; fields that other pages have, too, have the same names.

    figure  what was watched while training
    stress  what stress tests of this model came to; a section where there are some
    """

    title: str
    task: str
    data: str
    created: str
    version: str
    side: str
    cases: str
    split_rule: str
    split_hash: str
    openings: tuple[Opening, ...]
    findings: tuple[FindingLine, ...]
    passed: tuple[str, ...]
    not_applicable: tuple[tuple[str, str], ...]
    reasons: tuple[Reason, ...]
    plan: str
    history: tuple[EpochRow, ...]
    commands: tuple[str, ...]
    hashes: Mapping[str, str]
    seeds: Mapping[str, int]
    environment: Mapping[str, str]
    limits: tuple[str, ...]
    figure: str
    synthetic: bool = False
    external: None = None
    pairs: tuple[()] = ()
    pairs_found: int = 0
    stress: tuple[Fragment, ...] = ()

    @property
    def standing(self) -> tuple[FindingLine, ...]:
        """Errors that nobody muted."""
        return tuple(finding for finding in self.findings if finding.is_error and finding.muted is None)


def render_images(template: str, story: ImageStory, own: Mapping[str, str], **parts: Any) -> str:
    """The HTML page of a template with sections of its own, before those that all pages share."""
    each = members(story.history)
    return environment_of_pages().get_template(template).render(
        story=story,
        own=tuple(own),
        sections={**own, **({"stress": "Stress tests"} if story.stress else {}), **SHARED},
        stress=[
            (one, [(r.heading, [(data_uri(p.png, r.case), p.words) for p in r.pictures]) for r in one.rows])
            for one in story.stress
        ],
        styles=Markup(styles()),  # noqa: S704 our own file
        use=headline.RESEARCH_USE,
        synthetic=headline.SYNTHETIC,
        openings=headline.openings_said(story.openings, judged=story.side == "internal test"),
        training_figures=[
            curves(rows, figure_name=story.figure, member=f"Network {rows[-1].member}", name=f"curves-{k}")
            for k, rows in enumerate(each)
        ],
        training_rows=[summary(rows) for rows in each],
        pairs=(),
        **parts,
    )  # fmt: skip
