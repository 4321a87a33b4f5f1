"""Block coordinate descent over the atoms of a dictionary, compiled.

Import this module where it is called: numba takes a quarter of a second.
"""

import numpy as np

from bids_app.encoding.compiled import compiled
from bids_app.stats.arrays import Doubles


@compiled
def sweep(atoms: Doubles, gram: Doubles, cross: Doubles, least_power: float) -> float:
    """Update each atom to its optimum given the others, within the unit ball.

    `atoms` (n_atoms, n_volumes) is changed in place; `gram` (n_atoms, n_atoms) is A Aᵀ and `cross` (n_atoms, n_volumes)
    is A Xᵀ. Atoms whose squared loadings sum to `least_power` or less stay. Returns the decrease of ½|X − DA|².
    """
    n_atoms, n_volumes = atoms.shape
    gradient, moved = np.empty(n_volumes), np.empty(n_volumes)
    gain = 0.0
    for atom in range(n_atoms):
        power = gram[atom, atom]
        if power <= least_power:
            continue
        for volume in range(n_volumes):
            gradient[volume] = cross[atom, volume]
        for other in range(n_atoms):
            for volume in range(n_volumes):
                gradient[volume] -= gram[atom, other] * atoms[other, volume]
        square = 0.0
        for volume in range(n_volumes):
            moved[volume] = atoms[atom, volume] + gradient[volume] / power
            square += moved[volume] * moved[volume]
        norm = max(1.0, np.sqrt(square))
        for volume in range(n_volumes):
            change = moved[volume] / norm - atoms[atom, volume]
            gain += gradient[volume] * change - 0.5 * power * change * change
            atoms[atom, volume] += change
    return gain
