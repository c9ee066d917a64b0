"""k-medoids: the few members of a set that stand for all of it.

Partitioning around medoids (PAM; Kaufman and Rousseeuw, "Finding Groups in Data", 1990, chapter 2): medoids are added
one at a time, each where it lowers the cost most (BUILD), then exchanged for other members as long as one exchange
lowers the cost (SWAP). All k (n - k) exchanges are weighed at once, in the sums of FastPAM1 (Schubert and Rousseeuw,
SISAP 2019, equation 6): O(n²) an exchange.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SMALLEST_GAIN = 1e-12
"""Of the cost; smaller changes are rounding, and following them might never end."""


class Clustering(NamedTuple):
    """Members, each assigned to its nearest medoid.

    Attributes:
        medoids: Indices of the members that stand for others. Shape: (k,), ascending.
        assignment: For each member the position in `medoids` of the one that stands for it. Shape: (n,).
    """

    medoids: NDArray[np.intp]
    assignment: NDArray[np.intp]


def k_medoids(distances: NDArray[np.float64], num_medoids: int) -> Clustering:
    """Choose the medoids of a set.

    The result depends on the distances alone; of equally good members the first is taken.

    Args:
        distances: Between members: not negative, 0 on the diagonal. Shape: (n, n).
        num_medoids: How many to choose, 1 to n.

    Raises:
        ValueError: The distances are not square or not finite, or there are fewer members than medoids.
    """
    if distances.ndim != 2 or distances.shape[0] != distances.shape[1]:
        raise ValueError(f"distances must have shape (n, n), not {distances.shape}")
    if not 1 <= num_medoids <= len(distances):
        raise ValueError(f"num_medoids must be from 1 to {len(distances)}; found {num_medoids}")
    if not np.isfinite(distances).all() or (distances < 0).any():
        raise ValueError("distances must be finite and not negative")
    medoids = _build(distances, num_medoids)
    while _swap(distances, medoids):
        pass
    medoids = np.sort(medoids)
    assignment = distances[:, medoids].argmin(axis=1)
    # A medoid stands for itself, also where another lies at distance 0.
    assignment[medoids] = np.arange(num_medoids)
    return Clustering(medoids, assignment)


def _build(distances: NDArray[np.float64], num_medoids: int) -> NDArray[np.intp]:
    chosen = [int(distances.sum(axis=0).argmin())]
    nearest = distances[:, chosen[0]]
    while len(chosen) < num_medoids:
        gains = np.maximum(nearest[:, None] - distances, 0.0).sum(axis=0)
        gains[chosen] = -1.0
        chosen.append(int(gains.argmax()))
        nearest = np.minimum(nearest, distances[:, chosen[-1]])
    return np.array(chosen, np.intp)


def _swap(distances: NDArray[np.float64], medoids: NDArray[np.intp]) -> bool:
    """Make the best exchange of a medoid for another member, in place; whether one lowers the cost."""
    to_medoids = distances[:, medoids]
    order = to_medoids.argsort(axis=1, kind="stable")
    members = np.arange(len(distances))
    nearest = to_medoids[members, order[:, 0]]
    second = to_medoids[members, order[:, 1]] if len(medoids) > 1 else np.full(len(distances), np.inf)
    # What a member gains by a new medoid that is nearer, whichever medoid goes.
    joining = np.minimum(distances - nearest[:, None], 0.0)
    # What it loses beyond that where the medoid that goes was its own.
    losing = np.minimum(distances, second[:, None]) - nearest[:, None] - joining
    is_own = order[:, 0][None, :] == np.arange(len(medoids))[:, None]
    change = joining.sum(axis=0)[None, :] + is_own.astype(np.float64) @ losing
    change[:, medoids] = np.inf
    leaving, entering = np.unravel_index(change.argmin(), change.shape)
    if not change[leaving, entering] < -_SMALLEST_GAIN * max(float(nearest.sum()), np.finfo(np.float64).tiny):
        return False
    medoids[leaving] = entering
    return True
