"""The survey: every image of a cohort looked at once, and what is kept of it, small enough for a million images."""

from radcnn.data.survey.look import PERCENTILES, Look, look_at
from radcnn.data.survey.survey import survey

__all__ = ["PERCENTILES", "Look", "look_at", "survey"]
