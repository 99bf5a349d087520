"""The CLAIM checklist has all 44 items, answers what radcnn knows and admits the rest."""

from __future__ import annotations

from dataclasses import replace

from radcnn.reports.claim import NOT_KNOWN, checklist
from radcnn.reports.page import SECTIONS


def test_all_44_items_stand_in_order_and_point_to_sections_of_the_page(story):
    items = checklist(story("binary"))
    assert [item.number for item in items] == list(range(1, 45))
    assert {item.section for item in items} <= {*SECTIONS, "", "summary"}


def test_what_only_the_authors_know_is_not_invented(story):
    answers = {item.number: item.answer for item in checklist(story("binary"))}
    for authors in (2, 3, 4, 5, 13, 14, 15, 16, 17, 18, 30, 31, 34, 41, 44):
        assert answers[authors] == NOT_KNOWN


def test_answers_follow_the_story(story):
    told = story("binary")
    one = {item.number: item.answer for item in checklist(told)}
    other = {item.number: item.answer for item in checklist(replace(told, unit="image", external=told.test))}
    bare = {item.number: item.answer for item in checklist(replace(told, tuning=None, test=None))}
    assert one[20] == "patient"
    assert other[20].startswith("image")
    assert (one[33], other[33]) == ("not done", "done")
    assert all("not done" in bare[number] for number in (28, 29, 37, 38))
    assert one[10] == "whole images, brought to one size as the plan says"
    assert "region" in {item.number: item.answer for item in checklist(replace(told, regions=True))}[10]
    assert one[27] == "mean of 2 networks"
