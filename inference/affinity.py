"""GroupFinder: which people's leads go together.

An embedding of demographics and pulse shape, trained so that nearest neighbours lie close (kNN-contrastive); a soft
assignment to groups; for each group a lead-affinity matrix and a prototype of the person code."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inference.conditions import PERSON_SIZE
from inference.items import ItemLinear, by_item
from stream.conditioning import SHAPE_SIZE

__all__ = ["CODE_SIZE", "GroupFinder", "Grouping", "contrastive_loss"]

CODE_SIZE = 16
LEAD_COUNT = 8


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """embedding (batch, 16); weights (batch, groups); affinity (batch, 8, 8); code (batch, 16), the group prototype."""

    embedding: Tensor
    weights: Tensor
    affinity: Tensor
    code: Tensor


class GroupFinder(nn.Module):
    """Demographics (batch, 8) and pulse shape (batch, 16; zeros when unknown) -> Grouping."""

    def __init__(self, groups: int = 8, use_demographics: bool = True, use_affinity: bool = True) -> None:
        super().__init__()
        self.use_demographics, self.use_affinity = use_demographics, use_affinity
        self.embed = nn.Sequential(ItemLinear(PERSON_SIZE + SHAPE_SIZE, 64), nn.SiLU(), ItemLinear(64, CODE_SIZE))
        self.centres = nn.Parameter(torch.randn(groups, CODE_SIZE))
        self.log_width = nn.Parameter(torch.zeros(()))
        self.prototypes = nn.Parameter(0.1 * torch.randn(groups, CODE_SIZE))
        self.affinities = nn.Parameter(torch.eye(LEAD_COUNT).repeat(groups, 1, 1))

    def start_from(self, covariance: Tensor) -> None:
        """Initialise every group's affinity with the correlation of the leads. covariance: (8, 8)."""
        spread = covariance.diagonal().clamp(min=1e-9).sqrt()
        with torch.no_grad():
            self.affinities.copy_((covariance / spread[:, None] / spread).expand_as(self.affinities))

    def forward(self, person: Tensor, shape: Tensor) -> Grouping:
        if not self.use_demographics:
            person = torch.zeros_like(person)
        embedding = nn.functional.normalize(self.embed(torch.cat([person, shape], 1)), dim=1)
        centres = nn.functional.normalize(self.centres, dim=1)
        weights = torch.softmax(4 * self.log_width.exp() * by_item(embedding, centres.T), 1)
        affinity = by_item(weights, self.affinities.flatten(1)).view(-1, LEAD_COUNT, LEAD_COUNT)
        if not self.use_affinity:
            affinity = torch.zeros_like(affinity)
        return Grouping(embedding, weights, affinity, by_item(weights, self.prototypes))


def contrastive_loss(embedding: Tensor, likeness: Tensor, neighbours: int = 3, temperature: float = 0.2) -> Tensor:
    """InfoNCE whose positives are the `neighbours` nearest others. embedding: (b, 16) unit length; likeness: (b, b)
    negative distances in demographics and waveform."""
    own = torch.eye(len(embedding), dtype=torch.bool, device=embedding.device)
    nearest = likeness.masked_fill(own, -torch.inf).topk(neighbours, 1).indices
    logits = (embedding @ embedding.T / temperature).masked_fill(own, -torch.inf)
    return (torch.logsumexp(logits, 1, keepdim=True) - logits.gather(1, nearest)).mean()
