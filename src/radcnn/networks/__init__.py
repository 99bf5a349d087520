"""Networks, written once for images and volumes: NETWORKS, build, card."""

from radcnn.networks.build import NETWORKS, build
from radcnn.networks.card import Card, activation_elements, card, multiply_accumulates
from radcnn.networks.network import Builder, Ends, Network
from radcnn.networks.trace import smallest_size

__all__ = [
    "NETWORKS",
    "Builder",
    "Card",
    "Ends",
    "Network",
    "activation_elements",
    "build",
    "card",
    "multiply_accumulates",
    "smallest_size",
]
