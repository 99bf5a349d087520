"""A bundle survives its files bit for bit; what was changed, is missing or means harm is refused with a sentence."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from radcnn.core.errors import BundleError
from radcnn.core.target import Target
from radcnn.inference import bundle as bundles
from radcnn.inference.bundle import Bundle, load_bundle, save_bundle, seal, verify, write_model_card
from radcnn.inference.scores import scores
from radcnn.metrics.operating import OperatingPoint
from radcnn.networks import build
from radcnn.plan.settings import NetworkPlan, TaskPlan
from written_lessons import BINARY, planted, tiny_network, tiny_plan

FILES = ("bundle.json", "weights-0.safetensors", "weights-1.safetensors", "README.md", "SHA256SUMS")


def made(**changes: Any) -> Bundle:
    plan = tiny_plan()
    first = Bundle(
        target=BINARY,
        task=plan.task,
        preparation=plan.preparation,
        network=plan.network,
        networks=2,
        operating_points=(
            OperatingPoint("youden", 1 / 3, "youden", "tuning", "malignant"),
            OperatingPoint("odd", float("nan"), "youden", "tuning", undefined="one class only"),
        ),
        provenance=(("plan", "abc"), ("seed", "0")),
    )
    return replace(first, **changes)


def networks() -> list[nn.Module]:
    both = [tiny_network(0), tiny_network(1)]
    for network in both:
        network(torch.from_numpy(planted(8).images))  # so that the running statistics are no defaults
    return both


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "bundle"
    save_bundle(folder, made(), networks())
    write_model_card(folder, "# A model card\n")
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A bundle one may harm."""
    return Path(shutil.copytree(written, tmp_path / "bundle"))


def resealed(folder: Path, **changes: Any) -> Path:
    """The bundle with other values in bundle.json and sums that fit."""
    plain = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**plain, **changes}))
    seal(folder)
    return folder


def test_a_bundle_survives_bit_for_bit(written: Path) -> None:
    known, loaded = load_bundle(written)
    undefined = known.operating_points[1]
    assert np.isnan(undefined.threshold)
    assert replace(known, operating_points=known.operating_points[:1]) == made(
        operating_points=made().operating_points[:1]
    )
    for ours, theirs in zip(loaded, networks(), strict=True):
        assert not ours.training
        assert list(ours.state_dict()) == list(theirs.state_dict())
        for name, value in ours.state_dict().items():
            assert torch.equal(value, theirs.state_dict()[name]), name
            assert value.dtype == theirs.state_dict()[name].dtype
    images = planted(12, seed=3).images
    task = known.make_task()
    assert np.array_equal(scores(loaded, images, task), scores(networks(), images, task))


def test_a_bundle_in_the_memory_format_of_training_is_the_same(written: Path, tmp_path: Path) -> None:
    last = [network.to(memory_format=torch.channels_last) for network in networks()]
    save_bundle(tmp_path / "b", made(), last)
    for name in ("bundle.json", "weights-0.safetensors", "weights-1.safetensors"):
        assert (tmp_path / "b" / name).read_bytes() == (written / name).read_bytes()


def test_auxiliary_heads_stay_behind_and_are_not_missed(tmp_path: Path) -> None:
    options = {"stem": "small", "base_width": 4, "auxiliary": True}
    network = build("googlenet", channels=1, outputs=1, options=options, seed=0)
    without = build("googlenet", channels=1, outputs=1, options={**options, "auxiliary": False}, seed=0)
    save_bundle(tmp_path / "b", made(network=NetworkPlan("googlenet", options), operating_points=()), [network])
    stored = load_file(tmp_path / "b" / "weights-0.safetensors")
    assert set(stored) == set(without.state_dict())
    known, (loaded,) = load_bundle(tmp_path / "b")
    assert known.network.options["auxiliary"] is True
    assert sum(p.numel() for p in loaded.parameters()) == sum(p.numel() for p in without.parameters())
    images, task = planted(4).images, known.make_task()
    assert np.array_equal(scores([loaded], images, task), scores([network], images, task))


def test_what_is_loaded_can_be_trained_further(written: Path) -> None:
    _, (network, _) = load_bundle(written)
    network.train()(torch.from_numpy(planted(8).images)).sum().backward()
    assert all(p.requires_grad and p.grad is not None for p in network.parameters())


def test_the_hash_of_a_model_is_that_of_its_sums_without_the_card(folder: Path) -> None:
    first = verify(folder)
    assert first == seal(folder)
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    without = "".join(line for line in lines if not line.endswith("  README.md\n"))
    assert first == hashlib.sha256(without.encode()).hexdigest(), "as sha256sum computes it"
    assert write_model_card(folder, "# Another card\n") == first == verify(folder)
    assert verify(resealed(folder, views="flips")) != first


@pytest.mark.parametrize("place", [0.0, 0.03, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_anywhere_is_refused(folder: Path, name: str, place: float) -> None:
    file = folder / name
    named = "was changed" if name == "SHA256SUMS" else f"{name} .*was changed"
    content = bytearray(file.read_bytes())
    index = round(place * (len(content) - 1))
    for mask in (1, 0x20, 0x80, 0xFF):
        content[index] ^= mask
        file.write_bytes(content)
        with pytest.raises(BundleError, match=f"{named}|not a complete bundle"):
            load_bundle(folder)
        with pytest.raises(BundleError):
            verify(folder)
        content[index] ^= mask
    file.write_bytes(content)
    load_bundle(folder)


def test_every_single_flip_of_the_sums_is_refused(folder: Path) -> None:
    file = folder / "SHA256SUMS"
    content = file.read_bytes()
    for index in range(len(content)):
        for bit in range(8):
            file.write_bytes(content[:index] + bytes([content[index] ^ 1 << bit]) + content[index + 1 :])
            with pytest.raises(BundleError):
                verify(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"not a complete bundle: {name} is missing"):
        load_bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_refused(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    for kept in (0, len(content) // 2, len(content) - 1):
        (folder / name).write_bytes(content[:kept])
        with pytest.raises(BundleError):
            load_bundle(folder)


def test_no_folder_and_no_bundle_are_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BundleError, match="SHA256SUMS is missing; train again"):
            load_bundle(folder)


def test_a_model_card_does_not_seal_what_was_changed_meanwhile(folder: Path) -> None:
    content = bytearray((folder / "weights-1.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights-1.safetensors").write_bytes(content)
    with pytest.raises(BundleError, match=r"weights-1\.safetensors .*was changed"):
        write_model_card(folder, "# A card\n")
    with pytest.raises(BundleError):
        load_bundle(folder)


def test_a_model_card_interrupted_before_its_seal_can_be_written_again(folder: Path) -> None:
    (folder / "README.md").write_text("# half")
    with pytest.raises(BundleError, match=r"README\.md .*was changed"):
        verify(folder)
    write_model_card(folder, "# whole\n")
    load_bundle(folder)


def test_a_bundle_interrupted_before_its_seal_is_refused(tmp_path: Path, monkeypatch) -> None:
    def interrupted(folder: Path) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bundles, "seal", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save_bundle(tmp_path / "b", made(), networks())
    with pytest.raises(BundleError, match="SHA256SUMS is missing"):
        load_bundle(tmp_path / "b")


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "..", ".", "a/../../secret", "..\\secret", "sub/weights-0.safetensors", ""]
)
def test_names_that_lead_elsewhere_are_never_followed(folder: Path, monkeypatch, name: str) -> None:
    (folder.parent / "secret").write_text("secret")
    opened: list[str] = []
    original = bundles.sha256_of
    monkeypatch.setattr(bundles, "sha256_of", lambda path: opened.append(str(path)) or original(path))
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    lines.append(f"{'0' * 64}  {name}")
    (folder / "SHA256SUMS").write_text("\n".join(sorted(lines, key=lambda line: line[66:])) + "\n")
    with pytest.raises(BundleError, match=r"SHA256SUMS of the bundle in .* was changed"):
        load_bundle(folder)
    assert opened == []


def test_weights_that_are_not_listed_are_not_loaded(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in lines if "weights-1" not in line))
    with pytest.raises(BundleError, match=r"weights-1\.safetensors is missing"):
        load_bundle(folder)
    (folder / "SHA256SUMS").write_text("")
    with pytest.raises(BundleError, match="was changed"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 2}, "its format is 2, this radcnn reads 1; use the radcnn that wrote it"),
        ({"format": None}, "its format is None"),
        ({"newtorks": 2}, "bundle.json has no setting 'newtorks': did you mean networks?"),
        ({"networks": 3}, "weights-2.safetensors is missing"),
        ({"networks": 0}, "networks of bundle.json must be 1 to 1000, got 0"),
        ({"networks": 10**9}, "networks of bundle.json must be 1 to 1000"),
        ({"networks": "2"}, "networks of bundle.json must be a whole number, got '2'"),
        ({"target": {"kind": "binery", "names": ["y"]}}, "did you mean binary?"),
        ({"task": {"last_layer": "softmax", "loss": "cross-entropy"}}, "does not fit a binary target"),
        ({"network": {"name": "chian"}}, "network 'chian' is unknown: did you mean chain?"),
        ({"network": {"name": "__import__('os')"}}, "is unknown"),
        ({"network": {"name": "chain", "options": {"kernels": [4, 7]}}}, "cannot be used"),
        ({"network": {"name": "chain", "options": {"kernels": [2_000_000, 2_000_000]}}}, "cannot be used"),
        ({"preparation": {"dims": 2, "size": [0, 8]}}, "size must be 2 positive whole numbers"),
        ({"operating_points": [{"name": "x"}]}, "cannot be used"),
        ({"operating_points": [3]}, "cannot be used"),
        ({"views": "sideways"}, "views of bundle.json must be one of"),
        ({"provenance": [["one"]]}, "provenance of bundle.json must have 2 items"),
    ],
)  # fmt: skip
def test_a_sealed_bundle_that_makes_no_sense_is_refused(folder: Path, changes: dict, says: str) -> None:
    with pytest.raises(BundleError) as caught:
        load_bundle(resealed(folder, **changes))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"[]", b"{", b"", b"\xff", b"[" * 100_000, b'{"format": 1}'])
def test_a_sealed_description_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "bundle.json").write_bytes(content)
    seal(folder)
    with pytest.raises(BundleError, match="cannot be used"):
        load_bundle(folder)


@pytest.mark.parametrize("content", [b"", b"\x80\x04]\x94.", b"\xff" * 100, b"\x08" + b"\x00" * 7 + b"{}      "])
def test_sealed_weights_that_are_none_are_refused(folder: Path, content: bytes) -> None:
    (folder / "weights-0.safetensors").write_bytes(content)
    seal(folder)
    with pytest.raises(BundleError, match="cannot be used"):
        load_bundle(folder)


def test_a_regression_without_its_scale_is_refused(folder: Path) -> None:
    target = {"kind": "regression", "names": ["age"]}
    task = {"last_layer": "identity", "loss": "mean squared error"}
    with pytest.raises(BundleError, match="needs one mean and sd for each of age"):
        load_bundle(resealed(folder, target=target, task=task))


def test_nothing_is_unpickled(folder: Path, tmp_path: Path, monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be unpickled")

    for module, name in ((torch, "load"), (torch, "save"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refused)
    known, loaded = load_bundle(folder)
    assert len(loaded) == known.networks
    save_bundle(tmp_path / "again", made(), networks())
    assert (tmp_path / "again" / "SHA256SUMS").is_file()


def test_a_regression_keeps_its_scale_exactly(tmp_path: Path) -> None:
    task = TaskPlan("identity", "mean squared error", ((60.1, 1 / 3),))
    regression = made(
        target=Target("regression", ("age",)), task=task, operating_points=(), network=NetworkPlan("chain", {})
    )
    from radcnn.networks import build

    network = build("chain", channels=1, outputs=1, options={}, seed=0)
    save_bundle(tmp_path / "b", regression, [network])
    known, _ = load_bundle(tmp_path / "b")
    assert (known.task, known.networks) == (task, 1)
    assert known.make_task().decode(torch.ones(1, 1)).tolist() == [[60.1 + 1 / 3]]
