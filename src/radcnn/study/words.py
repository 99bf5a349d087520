"""What a person says in short, spelled out before it is checked: a loss, a refinement, masks that the data bring."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radcnn.core.errors import SettingsError
from radcnn.core.settings import merged
from radcnn.data.outlined import array_meant, masks_meant
from radcnn.study.options import settings_from
from radcnn.study.settings import Makes

SHORT: Mapping[str, tuple[Makes, ...]] = {
    "loss": ("restoration", "segmentation"),
    "refine": ("segmentation",),
    "within": ("segmentation",),
    "adversarial": ("labels",),
    "adversarial_budget": ("labels",),
    "adversarial_in_noise": ("labels",),
}
AGAINST_ATTACKS = {  # their names within training.adversarial
    "adversarial": "attack",
    "adversarial_budget": "budget",
    "adversarial_in_noise": "in_noise",
}
NO_ANSWER = "training against attacks needs answers that can be turned"
ELSEWHERE = {  # what a person who asks for it from other networks may do
    "loss": "the loss of a network of labels follows from what it predicts (Table 2 of the review)",
    "refine": "only structures that are outlined can be refined",
    "within": "only structures that are outlined lie within one another",
    **dict.fromkeys(AGAINST_ATTACKS, NO_ANSWER),
}


def spelled_out(options: Mapping[str, Any], makes: Makes) -> dict[str, Any]:
    """The options with short ones put into the section of what the networks make.

    Raises SettingsError for one that says nothing of these.

    >>> spelled_out({"loss": "dice", "seed": 1}, "segmentation")
    {'seed': 1, 'segmentation': {'loss': 'dice'}}
    >>> spelled_out({"adversarial": "pgd", "adversarial_budget": 4}, "labels")
    {'training': {'adversarial': {'attack': 'pgd', 'budget': 4}}}
    """
    made = {name: value for name, value in options.items() if name not in SHORT}
    for name, of in SHORT.items():
        if options.get(name) is None:
            continue
        if makes not in of:
            raise SettingsError(f"{name} says nothing here: {ELSEWHERE[name]}; leave it out")
        section = {"training": {"adversarial": {AGAINST_ATTACKS[name]: options[name]}}} if makes == "labels" else None
        made = merged(made, section or {makes: {name: options[name]}})
    return made


def meant(options: Mapping[str, Any], data: Path | str) -> dict[str, Any]:
    """The options for a study of these data, spelled out.

    Where nothing says what is to be predicted and the data bring masks, these are meant. Labels that are the name of an
    array of masks in npz files are such masks; where the files hold others, too, training sees the named ones, and the
    others judge.
    """
    said = {name: value for name, value in options.items() if value is not None or "." in name}
    root, labels = Path(data), said.get("labels")
    if labels is not None and array_meant(root, str(labels)) and not Path(labels).exists():
        named, judges = str(said.pop("labels")), said.get("masks") or masks_meant(root) or str(labels)
        said |= {"masks": judges} if judges == named else {"masks": judges, "scribbles": named}
    elif not said.keys() & {"labels", "target", "simulate_dose", "reference", "masks", "kind"}:
        found = masks_meant(root)
        said |= {} if found is None else {"masks": found}
    plain = {name: value for name, value in said.items() if name in ("target", "simulate_dose", "reference", "masks")}
    return spelled_out(said, settings_from({**plain, "data": str(data)}).makes)
