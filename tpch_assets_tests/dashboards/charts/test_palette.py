"""Colours: everybody can tell series apart, and see them on the paper of both themes."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import dashboards
from dashboards.charts.chart import MARKERS, PALETTE
from dashboards.charts.views import SERIES

CSS = (Path(dashboards.__file__).parent / "static" / "page.css").read_text()
PAPERS = re.findall(r"--paper: (#[0-9a-f]+)", CSS)
# How eyes without one of the three kinds of cones see linear colours (Machado, Oliveira and Fernandes, 2009).
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# Oklab: a distance of 0.02 is just noticeable.
LMS = [[0.4122215, 0.5363325, 0.0514460], [0.2119035, 0.6806995, 0.1073970], [0.0883025, 0.2817188, 0.6299787]]
LAB = [[0.2104543, 0.7936178, -0.0040720], [1.9779985, -2.4285922, 0.4505937], [0.0259040, 0.7827718, -0.8086758]]


def linear(colour: str) -> np.ndarray:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    values = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """As WCAG counts it."""
    light, dark = sorted((linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05 for colour in (one, other)), reverse=True)
    return float(light / dark)


def seen(colour: str, eyes: str) -> np.ndarray:
    cones = np.clip(np.asarray(EYES[eyes]) @ linear(colour), 0, 1)
    return np.asarray(LAB) @ np.cbrt(np.asarray(LMS) @ cones)


@pytest.mark.parametrize("colour", PALETTE)
def test_a_series_stands_out_from_the_paper_of_both_themes(colour: str) -> None:
    assert len(PAPERS) == 2 and min(contrast(colour, paper) for paper in PAPERS) >= 3


@pytest.mark.parametrize("eyes", EYES)
def test_series_can_be_told_apart_by_all_eyes(eyes: str) -> None:
    pairs = itertools.combinations([seen(colour, eyes) for colour in PALETTE], 2)
    assert min(np.linalg.norm(one - other) for one, other in pairs) >= 0.1


def test_no_series_is_told_by_its_colour_alone() -> None:
    assert len(set(PALETTE)) == len(set(MARKERS)) == SERIES
