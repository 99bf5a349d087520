"""Prepared cases of any size on the disk, read in place: images, masks and where each class lies."""

from radcnn.data.store.case import StoredCase
from radcnn.data.store.places import class_places
from radcnn.data.store.store import CaseStore

__all__ = ["CaseStore", "StoredCase", "class_places"]
