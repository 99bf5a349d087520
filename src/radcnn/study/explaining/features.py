"""What single maps respond to: the maps that answers rest on, where they are strongest, what led there, and when.

RUN/explain/feature-LAYER-MAP-patterns.png   up to nine deconvolutions; -patches.png the same places of the images
RUN/explain/feature-LAYER-MAP-made.png       an image made from noise
RUN/explain/feature-LAYER-MAP-epochs.png     both of the strongest case at each epoch that was kept
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from radcnn.core.estimate import Estimate
from radcnn.core.files import write_bytes
from radcnn.explanation.cells import fields_of
from radcnn.explanation.deconvolution import Peaks, Strongest, peaks_of, strongest_of
from radcnn.explanation.features import HeavyMap, heaviest, usual_layers
from radcnn.explanation.layers import LayerMaps, named_layer
from radcnn.explanation.maximise import maximise
from radcnn.learning import snapshots
from radcnn.metrics.regression import rank_correlation
from radcnn.networks import Network
from radcnn.reports.explaining.features import EpochShown, LayerShown, MapShown
from radcnn.reports.explaining.sheets import patch, pattern, sheet
from radcnn.study.explaining.asked import Asked, Way, answering_for, inner_layer
from radcnn.study.explaining.chosen import Chosen, batches
from radcnn.study.listener import Listener
from radcnn.study.looking import LookedInto

STEPS = {2: 64, 3: 24}  # of making an image from noise, by dimensions
MOST_EPOCHS = 8  # that fit beside another

Peaked = tuple[Network, dict[str, Peaks]]  # a network, and where maps of its layers are highest


def features_of(
    looked: LookedInto, chosen: Chosen, wanted: Asked, place: Path, listener: Listener
) -> tuple[LayerShown, ...]:
    """The maps of each layer that answers rest on, with their pictures; of the run's first network. None if unasked."""
    if not wanted.features:
        return ()
    network, target, images = looked.networks[0], looked.bundle.target, chosen.images
    layers = [named_layer(network, name, images[:1]) for name in wanted.layers] or usual_layers(network, images[:1])
    names = {layer.name: inner_layer(Way("gradcam", layer.name), target) for layer in layers}
    size = len(batches(images)[0])
    # of two classes the positive one is asked of every case: what speaks for it in half of them tells nothing apart
    binary = target.kind == "binary"
    heavy = heaviest(
        answering_for(network, target), tuple(names.values()), images, 1 if binary else chosen.classes,
        chosen.patients, most=wanted.features, at_once=size,
    )  # fmt: skip
    favoured = target.classes[1] if binary else "the answer asked"
    all_layers = [layer.name for layer in layers]
    now = network, peaks_of(network, all_layers, images, at_once=size)
    epochs = [(epoch, (then, peaks_of(then, all_layers, images, at_once=size))) for epoch, then in _kept(looked)]
    made = []
    for k, layer in enumerate(layers):
        one = _layer(now, epochs, layer, heavy[names[layer.name]], chosen, wanted.seed, place, size)
        made.append(replace(one, favoured=favoured))
        listener.progress("looking at single maps", k + 1, len(layers))
    return tuple(made)


def _kept(looked: LookedInto) -> list[tuple[int, Network]]:
    """The first network as it was at each epoch that was kept."""
    found = snapshots.kept(looked.folder.checkpoints / "network-0")
    some = sorted({round(k) for k in np.linspace(0, len(found) - 1, min(len(found), MOST_EPOCHS))})
    made = []
    for epoch, file in (found[k] for k in some):
        network = copy.deepcopy(looked.networks[0])
        snapshots.put_into(network, file)
        made.append((epoch, network.eval().requires_grad_(False)))
    return made


def _layer(
    now: Peaked, epochs: Sequence[tuple[int, Peaked]], layer: LayerMaps, heavy: Sequence[HeavyMap], chosen: Chosen,
    seed: int, place: Path, size: int,
) -> LayerShown:  # fmt: skip
    (network, peaks), images = now, chosen.images
    fields = fields_of(network, layer.name, tuple(images.shape[1:]), layer.size)
    sees = () if fields is None else tuple(min(f.size, n) for f, n in zip(fields, images.shape[2:], strict=True))
    indices = [one.index for one in heavy]
    strong = strongest_of(network, layer.name, indices, images, peaks[layer.name], at_once=size)
    over = _over_epochs(peaks[layer.name], epochs, layer.name, indices, chosen, size)
    shown = []
    for k, (one, found) in enumerate(zip(heavy, strong, strict=True)):
        stem = f"feature-{re.sub(r'[^A-Za-z0-9.]+', '-', layer.name)}-{one.index}"
        low, high = float(images.min()), float(images.max())
        made = maximise(
            network, one.index, shape=tuple(images.shape[1:]), layer=layer.name, low=low, high=max(high, low + 1e-6),
            steps=STEPS[images.ndim - 2], seed=seed,
        )  # fmt: skip
        noise = np.asarray(made.image.mean(0))
        middle = noise if noise.ndim == 2 else noise[len(noise) // 2]
        write_bytes(place / f"{stem}-made.png", sheet([patch(middle, low, high)], across=1))
        patterns, patches = _pictured(place, stem, found, images)
        said, evolution = _evolved(place, stem, [(epoch, strong[k], alike[k]) for epoch, strong, alike in over], chosen)
        shown.append(
            MapShown(
                one.index, one.share, one.favours,
                cases=tuple(chosen.numbers[at.image] for at in found),
                truths=tuple(chosen.labels[at.image] for at in found),
                values=tuple(at.value for at in found),
                patterns=patterns, patches=patches, made=f"{stem}-made.png", begun=made.begun, reached=made.reached,
                evolution=evolution, epochs=said,
            )
        )  # fmt: skip
    return LayerShown(layer.name, layer.maps, layer.size, sees, tuple(shown))


def _pictured(place: Path, stem: str, found: Sequence[Strongest], images: Tensor) -> tuple[str, str]:
    """The names of the sheets of patterns and patches; none where the map is silent."""
    if not found:
        return "", ""
    pairs = [_tiles(one, images) for one in found]
    for word, tiles in (("patterns", [one for one, _ in pairs]), ("patches", [other for _, other in pairs])):
        write_bytes(place / f"{stem}-{word}.png", sheet(tiles))
    return f"{stem}-patterns.png", f"{stem}-patches.png"


def _tiles(one: Strongest, images: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Pattern and patch in the box that was seen; of volumes the slice in which the pattern is strongest."""
    box = tuple(slice(*ends) for ends in one.box)
    led, image = np.asarray(one.pattern.mean(0)), np.asarray(images[one.image].mean(0))
    inside, there = led[box], image[box]
    if inside.ndim == 3:
        at = int(np.abs(inside).sum(axis=(1, 2)).argmax())
        inside, there = inside[at], there[at]
    return pattern(inside), patch(there, float(image.min()), float(image.max()))


def _over_epochs(
    now: Peaks, epochs: Sequence[tuple[int, Peaked]], layer: str, indices: Sequence[int], chosen: Chosen, size: int
) -> list[tuple[int, tuple[tuple[Strongest, ...], ...], list[Estimate]]]:
    """For each kept epoch: the strongest case of each map, and how alike its highest values are to those now."""
    made = []
    for epoch, (then, peaks) in epochs:
        before = peaks[layer]
        found = strongest_of(then, layer, indices, chosen.images, before, count=1, at_once=size)
        alike = [rank_correlation(before.values[:, k], now.values[:, k], chosen.patients) for k in indices]
        made.append((epoch, found, alike))
    return made


def _evolved(
    place: Path, stem: str, epochs: Sequence[tuple[int, tuple[Strongest, ...], Estimate]], chosen: Chosen
) -> tuple[tuple[EpochShown, ...], str]:
    """What a map was at each epoch, and the name of the picture: patterns above, patches below."""
    if not epochs:
        return (), ""
    blank = (np.ones((1, 1)), np.ones((1, 1)))
    pairs = [_tiles(found[0], chosen.images) if found else blank for _, found, _ in epochs]
    tiles = [one for one, _ in pairs] + [other for _, other in pairs]
    write_bytes(place / f"{stem}-epochs.png", sheet(tiles, across=len(pairs)))
    said = tuple(
        EpochShown(epoch, chosen.numbers[found[0].image] if found else 0, alike) for epoch, found, alike in epochs
    )
    return said, f"{stem}-epochs.png"
