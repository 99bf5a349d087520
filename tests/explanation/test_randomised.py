import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.asked import BothSides
from radcnn.explanation.methods import METHODS, MapSettings
from radcnn.explanation.randomised import randomised, redrawn, weighted_layers
from radcnn.networks import build

TINY = {"base_width": 4, "stem": "small"}
IMAGES = torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))
PATIENTS = list("abcdef")


def network_of(seed=0, outputs=2):
    return build("resnet18", channels=1, outputs=outputs, options=TINY, seed=seed).eval()


def edges(network):
    """A method that looks at the image alone."""
    return (IMAGES[:, 0] - IMAGES[:, 0].roll(1, -1)).abs()


def gradcam(network):
    return METHODS["gradcam"](network, IMAGES, torch.ones(6, dtype=torch.long), MapSettings("layer1"))


def test_a_method_that_ignores_the_network_fails_and_a_map_of_its_weights_passes():
    network = network_of()
    assert randomised("edges", network, edges, IMAGES[:1], PATIENTS).verdict == "fails"

    def weights(network):
        shown = network.get_submodule("conv1").weight.detach().flatten()[:16].view(1, 4, 4)
        return shown.expand(6, 4, 4)

    made = randomised("weights", network, weights, IMAGES[:1], PATIENTS)
    # the first layer is the last to be forgotten
    assert [round(stage.correlation.value, 6) for stage in made.stages[:-1]] == [1.0] * (len(made.stages) - 1)
    assert made.verdict == "passes"


def test_stages_go_from_the_last_layer_to_the_whole_network():
    made = randomised("gradcam", network_of(), gradcam, IMAGES[:1], PATIENTS)
    layers = weighted_layers(network_of(), IMAGES[:1])
    assert layers[0] == "conv1"
    assert layers[-1] == "fc"
    assert len(made.stages) == 5
    assert (made.stages[0].layers, made.stages[0].down_to) == (1, "fc")
    assert (made.stages[-1].layers, made.stages[-1].down_to) == (len(layers), "conv1")
    assert made.verdict in ("passes", "fails", "undefined")


def test_the_network_is_left_as_it_was_and_the_same_seed_gives_the_same_figures():
    network = network_of()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    first = randomised("gradcam", network, gradcam, IMAGES[:1], PATIENTS, seed=3)
    assert str(randomised("gradcam", network, gradcam, IMAGES[:1], PATIENTS, seed=3)) == str(first)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("network", [BothSides(network_of(outputs=1)), nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())])
def test_every_weight_of_a_copy_is_drawn_anew_whoever_made_the_network(network):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7.0)
    made = redrawn(network, 1)
    assert not any((parameter == 7).any() for parameter in made.parameters())
    again = redrawn(network, 1)
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), again.parameters(), strict=True))


def test_a_network_without_weights_is_refused():
    with pytest.raises(SettingsError, match="no weights"):
        randomised("edges", nn.Flatten(), edges, IMAGES[:1], PATIENTS)
    with pytest.raises(SettingsError, match="at least 1"):
        randomised("edges", network_of(), edges, IMAGES[:1], PATIENTS, stages=0)
