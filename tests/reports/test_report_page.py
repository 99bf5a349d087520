"""The page is whole, well formed, self-contained, safe, and the same for the same story."""

from __future__ import annotations

import base64
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from radcnn.core.errors import ReadError
from radcnn.core.estimate import Estimate
from radcnn.evaluation.judgement import Judgement
from radcnn.reports import Story, render
from radcnn.reports.headline import RESEARCH_USE, SYNTHETIC
from radcnn.reports.model_card import model_card
from radcnn.reports.page import SECTIONS
from radcnn.reports.story import ClassCount, FindingLine, Flow, Opening, PicturedPair, SideCount

KINDS = ["binary", "multiclass", "multilabel", "regression"]
VOID = {"meta", "img", "br", "hr", "link", "input"}
MOST_BYTES = 6_000_000


class Reader(HTMLParser):
    """Checks the balance of tags and collects what is needed to judge a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        assert len(given) == len(attributes), f"an attribute of <{tag}> stands twice"
        self.tags.append((tag, given))
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        self.sources += [given["src"] or ""] if "src" in given else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style",):
            self.text.append(data)


@pytest.fixture(scope="module")
def pages(story) -> dict[str, str]:
    return {kind: render(story(kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_section_is_there_and_the_page_is_well_formed(pages, kind):
    read = Reader(pages[kind])
    assert [key for key in read.ids if key in SECTIONS] == list(SECTIONS)
    assert len(read.ids) == len(set(read.ids))
    assert all(link.removeprefix("#") in read.ids for link in read.links)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_loads_nothing_from_outside_and_runs_nothing(pages, kind):
    page, read = pages[kind], Reader(pages[kind])
    assert not re.search(r"https?:|//\w+\.\w+|@import|<script|<link|<iframe|javascript:", page)
    assert all(source.startswith("data:image/png;base64,") for source in read.sources)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in read.links)


@pytest.mark.parametrize("kind", KINDS)
def test_figures_have_texts_for_the_blind_and_tables_have_captions(pages, kind):
    page, read = pages[kind], Reader(pages[kind])
    drawings = [given for tag, given in read.tags if tag == "svg"]
    assert drawings
    assert all(given["role"] == "img" and given["aria-label"] for given in drawings)
    assert all(given.get("alt") for tag, given in read.tags if tag == "img")
    assert page.count("<table") == page.count("<caption>")
    assert [tag for tag, _ in read.tags if tag == "h1"] == ["h1"]


@pytest.mark.parametrize("kind", KINDS)
def test_case_names_and_patients_of_the_judgements_never_appear(pages, kind):
    assert "secret" not in pages[kind]


def test_twenty_large_pictures_keep_the_page_small(pages, story):
    page = render(story("regression", size=700))
    assert page.count("<img") == 20
    assert len(page.encode()) + max(len(other.encode()) for other in pages.values()) < MOST_BYTES


def test_the_same_story_gives_the_same_page(pages, story):
    assert render(story("binary")) == pages["binary"]


def test_the_top_says_question_data_result_openings_and_use(pages, story):
    told, page = story("binary"), pages["binary"]
    top = " ".join("".join(Reader(page[: page.index("<nav")] + "</body></html>").text).split())
    assert told.task in top
    assert "1,012 cases of 505 patients" in top
    assert "12 cases left out" in top
    assert re.search(r"On the internal test set: AUC 0\.\d{3} \(95 % CI 0\.\d{3} to [01]\.\d{3}; n = 240 of 120", top)
    assert "Youden index" in top
    assert "majority-class score" in top
    assert "opened once, on 2026-11-22T10:01:00Z" in top
    assert RESEARCH_USE in top


def test_synthetic_results_carry_a_banner_and_real_ones_do_not(pages):
    assert pages["binary"].count(SYNTHETIC) == 2  # the banner, and the limits of use
    assert "volume, AUC 0.712" in pages["binary"]
    assert SYNTHETIC not in pages["multiclass"]


def test_all_labels_right_stands_beside_what_the_more_frequent_answers_reach(pages, story):
    top = " ".join(
        "".join(Reader(pages["multilabel"][: pages["multilabel"].index("<nav")] + "</body></html>").text).split()
    )
    share = story("multilabel").test.figures["majority_match"].value
    assert "All labels right 0." in top
    assert f"majority-class score {share:.3f}" in top


def test_a_label_is_counted_among_the_cases_where_it_is_known(story):
    told = story("multilabel")
    side = SideCount("training", 14, 14, (ClassCount("mass", 2, 12, 2), ClassCount("nodule", 7, 14)))
    page = render(replace(told, flow=replace(told.flow, sides=(side,))))
    text = " ".join("".join(Reader(page).text).split())
    assert "2 17 % 2 missing" in text
    assert "7 50 %" in text
    assert "shares are of the cases whose label is known" in text


def test_the_use_stands_on_top_and_among_the_limits_only(pages):
    assert all(page.count(RESEARCH_USE) == 2 for page in pages.values())


def test_values_have_large_errors_and_no_confidence(pages):
    assert "The largest errors of the internal test set" in pages["regression"]
    assert "most confidently wrong" not in pages["regression"]
    assert "The most confidently wrong cases of the internal test set" in pages["binary"]


def test_figures_in_notes_have_their_names_in_words(story):
    told = story("binary")
    judgement = replace(told.test, notes=("calibration_slope is undefined: one class.",))
    assert "Calibration slope is undefined: one class." in render(replace(told, test=judgement))


def test_the_word_validation_never_names_a_set(pages):
    assert not any("validation" in page.lower() for page in pages.values())


def with_two_values(judgement: Judgement) -> Judgement:
    (one,) = judgement.values
    other = replace(one, name="dose", n=one.n - 5)
    rows = (*judgement.subgroups, *(replace(row, question="dose") for row in judgement.subgroups))
    return replace(
        judgement,
        target=replace(judgement.target, names=(one.name, "dose")),
        values=(one, other),
        figures={"r2": one.figures["r2"]},
        subgroups=rows,
    )


def test_each_of_several_values_has_its_tables_and_figures(story):
    told = story("regression")
    told = replace(told, tuning=with_two_values(told.tuning), test=with_two_values(told.test))
    page = render(told)
    text = " ".join("".join(Reader(page).text).split())
    for name in ("bone age", "dose"):
        assert f"{name}: figures of the value" in text
        assert f"Bland-Altman plot of {name} on the internal test set" in page
    assert "On the internal test set: Macro R²" in text
    assert "Known of 235 of 240 cases" in text
    assert page.count("Forest plot per site") == 2, "one per value: they have different units"
    assert "| dose | tuning" in model_card(told)


def test_an_unopened_test_set_is_told_and_tuning_figures_are_called_optimistic(story):
    told = replace(story("binary"), test=None, openings=(), worst=())
    page = render(told)
    Reader(page)
    assert "it is still sealed" in page
    assert "On the tuning set: AUC" in page
    assert "these figures are optimistic" in page


def test_several_openings_are_counted_and_warned_of(story):
    once = story("regression")
    page = render(replace(once, openings=(*once.openings, Opening("2026-11-23", "again", "cd" * 32, "nodules-2"))))
    assert "opened 2 times" in page
    assert "may be optimistic" in page


def test_an_opening_that_is_not_in_the_ledger_is_told(story):
    assert "the ledger is incomplete" in render(replace(story("regression"), openings=()))


def test_a_story_before_any_evaluation_is_still_a_page(story):
    told = replace(story("binary"), tuning=None, test=None, worst=(), history=(), findings=(), reasons=(), openings=())
    page = render(told)
    Reader(page)
    assert "Nothing was evaluated yet" in page


def test_an_external_test_stands_beside_the_others(story):
    told = story("binary")
    assert told.test is not None
    page = render(replace(told, external=told.test))
    Reader(page)
    assert "external test (n = 240)" in page
    assert "No external test was made" not in page


def test_the_unit_image_is_printed(story):
    told = story("binary")
    judged = [replace(judgement, unit="image") for _, judgement in told.judged]
    page = render(replace(told, unit="image", tuning=judged[0], test=judged[1]))
    assert "Split by image: cases of one patient may lie on two sides" in page
    assert "of 120 patients" not in page


def with_undefined_figures(judgement: Judgement) -> Judgement:
    gone = Estimate.missing("only one class among the cases", judgement.n, judgement.patients)
    questions = tuple(
        replace(
            question,
            figures=dict.fromkeys(question.figures, gone),
            points=tuple(
                replace(
                    point,
                    point=replace(point.point, threshold=math.nan, undefined="only one class"),
                    figures=dict.fromkeys(point.figures, gone),
                )
                for point in question.points
            ),
            roc=None,
            net_benefit=None,
            reliability=None,
        )
        for question in judgement.questions
    )
    return replace(judgement, figures=dict.fromkeys(judgement.figures, gone), questions=questions)


def test_undefined_figures_say_why(story):
    told = story("binary")
    page = render(replace(told, test=with_undefined_figures(told.test)))
    Reader(page)
    assert "only one class among the cases" in page
    assert "no threshold: only one class" in page
    assert "nan" not in "".join(Reader(page).text).lower().split()


HOSTILE = '<script>alert("x")</script>&\'$x^2$ {{ 7 * 7 }} "></svg>'


def hostile(told: Story) -> Story:
    test = told.test
    assert test is not None
    question = replace(test.questions[0], name=HOSTILE, positive=HOSTILE, negative=HOSTILE)
    judgement = replace(test, questions=(question,), notes=(HOSTILE,))
    judgement = replace(
        judgement, subgroups=tuple(replace(r, column=HOSTILE, value=HOSTILE) for r in test.subgroups[:1])
    )
    flow = Flow(5, 5, (), (SideCount("training", 5, 5, (ClassCount(HOSTILE, 5, 5),)),))
    words = dict.fromkeys(("title", "task", "data", "created", "version", "split_rule", "plan", "card"), HOSTILE)
    return replace(
        told,
        **words,
        figure=HOSTILE,
        flow=flow,
        test=judgement,
        worst=tuple(replace(case, truth=HOSTILE, predicted=HOSTILE, sentence=HOSTILE) for case in told.worst[:2]),
        environment={HOSTILE: HOSTILE},
        commands=(HOSTILE,),
        limits=(HOSTILE,),
    )


def test_hostile_names_are_only_text(story):
    page = render(hostile(story("binary")))
    read = Reader(page)
    assert "script" not in {tag for tag, _ in read.tags}
    assert HOSTILE in "".join(read.text)
    assert "49" not in re.findall(r"\$x\^2\$ (\S+)", page)


def test_pictures_are_written_anew_so_that_nothing_rides_along(story, png_with_text):
    told = story("binary")
    page = render(replace(told, worst=(replace(told.worst[0], png=png_with_text),)))
    found = re.search(r'src="data:image/png;base64,([^"]+)"', page)
    assert found is not None
    assert b"Jane Doe" in png_with_text
    assert b"Jane Doe" not in base64.b64decode(found.group(1))


@pytest.mark.parametrize("bad", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut short"])
def test_a_damaged_picture_is_refused_with_its_case_number(story, bad):
    told = story("binary")
    with pytest.raises(ReadError, match=r"picture of case 100 is not a readable PNG"):
        render(replace(told, worst=(replace(told.worst[0], png=bad),)))


def test_findings_say_what_they_are_about_and_who_muted_them(story) -> None:
    lines = (
        FindingLine("RC023", "error", "2 groups lie on two sides", "take them off", "split", "a <published> split"),
        FindingLine("RC055", "error", "the site tells it", "look", "labels", ""),
        FindingLine("RC074", "warning", "1 image is blank", "restore it", "images"),
    )
    page = render(replace(story("binary"), findings=lines))
    assert page.count('class="chip muted"') == 2
    assert "Muted by a person, because: a &lt;published&gt; split" in page
    assert "Muted by a person, who gave no reason." in page
    assert "restore it" in page
    assert "take them off" not in page, "what a person decided stands in its place"


def test_pairs_of_cases_that_are_alike_are_shown_side_by_side(story, png_with_text: bytes) -> None:
    pair = PicturedPair(12, "training", png_with_text, 40, "internal test", png_with_text, "the same file")
    page = render(replace(story("binary"), pairs=(pair,), pairs_found=7))
    assert "1 of 7 pairs are shown" in page
    assert 'alt="Case 12"' in page
    assert "40, internal test" in page
    assert "the same file" in page


def test_what_passed_and_what_does_not_apply_is_said(story) -> None:
    told = replace(story("binary"), passed=("units", "spacing"), not_applicable=(("phases", "no case has several"),))
    assert "Checks that found nothing: units, spacing." in render(told)
    assert "phases: no case has several" in render(told)
