"""What the figures of the benchmark of clicks should be, and whether they are."""

from collections.abc import Mapping
from typing import Final

# By figure: what it is for people, and the most that it may be.
TARGETS: Final[Mapping[str, tuple[str, float]]] = {
    "ratio": ("CPU of a click at 64 connections, in nginx's bare redirects", 10),
    "half_p99_ratio": ("p99 at half of saturation, in nginx's", 10),
    "start_s": ("seconds to start with all links", 3),
    "start_s_2_workers": ("seconds to start two processes", 3),
    "rss_mb": ("MB of the process that holds most", 250),
    "links_ratio": ("CPU of a click among all links, in that among a hundred", 1.1),
    "change_ms": ("ms until a changed offer acts in both of two processes", 1_000),
}


def verdicts(figures: Mapping[str, object]) -> list[str]:
    """A line for each target: met or missed, the figure, the most that it may be."""
    found = []
    for name, (meaning, most) in TARGETS.items():
        figure = float(str(figures[name]))
        word = "met" if figure <= most else "MISSED"
        found.append(f"{word:<8}{figure:>8g} of at most {most:>6g}  {meaning}")
    exact = bool(figures["exact"]) and bool(figures["shapes_exact"])
    word = "met" if exact else "MISSED"
    return [*found, f"{word:<8}{'':>26}  as many rows and places in caps as answers, in every run"]
