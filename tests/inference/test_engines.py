import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from radcnn.core.errors import InputError
from radcnn.inference import engines
from radcnn.inference.engines import available_engines, compiled, logits_by
from radcnn.inference.scores import plain_logits
from radcnn.networks import build

CHAIN = {"kernels": [4, 6], "dense": []}


def network_of(dims, name="chain", options=CHAIN, outputs=3):
    return build(name, channels=2, outputs=outputs, dims=dims, options=options, seed=0).eval()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_openvino_in_float32_computes_the_logits_of_torch_for_any_batch(dims, batch):
    network = network_of(dims)
    images = torch.randn(batch, 2, *(12,) * dims, generator=torch.Generator().manual_seed(batch))
    compute = compiled(network, images[:1], "openvino-float32", threads=1)
    with torch.inference_mode():
        torch.testing.assert_close(compute(images), network(images), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_residual_and_dense_networks_agree_too(name):
    network = network_of(2, name, {})
    images = torch.randn(2, 2, 64, 64, generator=torch.Generator().manual_seed(0))
    compute = compiled(network, images, "openvino-float32", threads=1)
    with torch.inference_mode():
        torch.testing.assert_close(compute(images), network(images), atol=1e-4, rtol=1e-4)


def test_what_was_computed_stays_when_the_next_batch_is_computed():
    compute = compiled(network_of(2), torch.zeros(1, 2, 12, 12), "openvino-float32", threads=1)
    first = compute(torch.ones(1, 2, 12, 12))
    kept = first.clone()
    compute(torch.full((1, 2, 12, 12), 5.0))
    assert torch.equal(first, kept)


def test_each_network_of_an_ensemble_has_an_engine_of_its_own():
    both = [network_of(2), build("chain", channels=2, outputs=3, dims=2, options=CHAIN, seed=1).eval()]
    images = torch.randn(2, 2, 12, 12, generator=torch.Generator().manual_seed(0))
    logits_of = logits_by("openvino-float32", plain_logits, both, images, threads=1)
    with torch.inference_mode():
        for network in both:
            torch.testing.assert_close(logits_of(network, images), network(images), atol=1e-5, rtol=1e-5)
    assert logits_by("plain", plain_logits, both, images, threads=1) is plain_logits


def test_without_openvino_there_is_only_torch(monkeypatch):
    monkeypatch.setattr(engines, "installed", lambda: False)
    assert available_engines() == ("plain",)
    with pytest.raises(InputError, match=r"pip install 'radcnn\[fast\]'"):
        compiled(network_of(2), torch.zeros(1, 2, 12, 12), "openvino-float32", threads=1)


def test_a_network_that_cannot_be_traced_is_refused_with_the_way_out():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x[:, 0].mean(0)).real[None] * x.mean()

    with pytest.raises(InputError, match="--engine plain"):
        compiled(Odd(), torch.randn(1, 2, 4, 4), "openvino-float32", threads=1)


SILENT = """
import sys
from radcnn.inference.engines import available_engines
assert available_engines()[:2] == ("plain", "openvino-float32")
assert sys.modules["openvino_telemetry"] is None
"""


def test_openvino_is_used_without_its_reports_to_its_maker(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SILENT], env={"HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_bfloat16_is_offered_only_by_a_cpu_that_has_it(monkeypatch):
    class Library:
        class Core:
            def get_property(self, device, name):
                return ["FP32", "INT8"]

    monkeypatch.setattr(engines, "_openvino", lambda: Library)
    monkeypatch.setattr(engines, "installed", lambda: True)
    assert available_engines() == ("plain", "openvino-float32")
    assert np.isin(available_engines(), engines.ENGINES).all()
