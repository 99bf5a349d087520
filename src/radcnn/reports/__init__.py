"""The report: a Story drawn as one self-contained HTML page, and as the model card of a bundle."""

from radcnn.reports.model_card import model_card
from radcnn.reports.page import render
from radcnn.reports.story import Story

__all__ = ["Story", "model_card", "render"]
