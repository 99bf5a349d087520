"""The page: a Story as one self-contained HTML file that needs no network, prints well and can be read aloud."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from radcnn.reports import headline, panels, tables
from radcnn.reports.claim import checklist
from radcnn.reports.epochs import members, summary
from radcnn.reports.numbers import several
from radcnn.reports.pictures import data_uri
from radcnn.reports.story import Story

SECTIONS: dict[str, str] = {
    "cases": "Flow of cases",
    "split": "Split and ledger",
    "findings": "Findings about the data",
    "plan": "Plan, and the reason of every rule",
    "training": "Training",
    "results": "Results",
    "questions": "Results per question",
    "subgroups": "Subgroups",
    "worst": "The worst cases",
    "explain": "Looking into the network",
    "stress": "Stress tests",
    "network": "The network",
    "reproduce": "How to do it again",
    "limits": "Limits of use",
    "claim": "CLAIM checklist",
}


def render(story: Story) -> str:
    """The HTML page of a story; the same story gives the same bytes.

    Raises ReadError when the picture of a case is not a readable 8-bit PNG.
    """
    worst = [(case, data_uri(case.png, case.number)) for case in story.worst]
    pairs = [
        (pair, data_uri(pair.first_png, pair.first), data_uri(pair.second_png, pair.second)) for pair in story.pairs
    ]
    explain, stress = (
        [
            (one, [(r.heading, [(data_uri(p.png, r.case), p.words) for p in r.pictures]) for r in one.rows])
            for one in fragments
        ]
        for fragments in (story.explain, story.stress)
    )
    each = members(story.history)
    main = story.main[1] if story.main else None
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            story=story,
            sections=SECTIONS,
            styles=Markup(styles()),  # noqa: S704 our own file
            use=headline.RESEARCH_USE,
            synthetic=headline.SYNTHETIC,
            data=headline.data_sentence(story),
            result=headline.result_sentences(story),
            openings=headline.openings_sentence(story),
            key_figures=headline.key_figures(story),
            training_figures=panels.training_figures(story),
            training_rows=[summary(rows) for rows in each],
            overall=tables.overall(story.judged) if story.judged else None,
            notes=tables.notes(story.judged),
            target_figures=panels.target_figures(story),
            glance=tables.questions_at_a_glance(main) if main and len(main.questions) > 1 else None,
            question_panels=panels.question_panels(story) or panels.value_panels(story),
            subgroups=tables.subgroups(main.subgroups, main.unit) if main and main.subgroups else None,
            subgroup_figures=panels.subgroup_figures(story),
            worst=worst,
            explain=explain,
            stress=stress,
            pairs=pairs,
            claim=checklist(story),
        )
    )


def styles() -> str:
    """The styles of every page."""
    return _source("report.css")


def environment_of_pages() -> Environment:
    """Where the templates of every page are."""
    return _environment()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("radcnn.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["several"] = several
    made.filters["drawing"] = Markup  # SVG that this room drew, with all text as paths or escaped
    return made


def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]
