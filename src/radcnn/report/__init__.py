"""The report: a Story drawn as one self-contained HTML page, and as the model card of a bundle."""

from radcnn.report.model_card import model_card
from radcnn.report.page import render
from radcnn.report.story import Story

__all__ = ["Story", "model_card", "render"]
