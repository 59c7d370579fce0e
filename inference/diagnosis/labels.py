"""From the codes on a recording to the classes that are judged.

The table is that of PTB-XL's scp_statements.csv (Wagner et al. 2020): every diagnostic code and its superclass. Atrial
fibrillation is a statement of rhythm there and stands beside them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

__all__ = ["CLASSES", "FLUTTER", "classes_of", "unused"]

CLASSES = ("NORM", "MI", "STTC", "CD", "HYP", "AF")
FLUTTER = "AFLT"
_CODES = {
    "NORM": "NORM",
    "MI": "MI IMI ASMI ILMI AMI ALMI LMI IPLMI IPMI PMI INJAS INJAL INJIN INJLA INJIL",
    "STTC": "STTC NDT NST_ DIG LNGQT ISC_ ISCAL ISCIN ISCIL ISCAS ISCLA ISCAN ANEUR EL",
    "CD": "CD LAFB LPFB IRBBB CRBBB ILBBB CLBBB IVCD WPW 1AVB 2AVB 3AVB",
    "HYP": "HYP LVH RVH LAO/LAE RAO/RAE SEHYP",
    "AF": "AF AFIB",
}
_CLASS_OF = {code: name for name, codes in _CODES.items() for code in codes.split()}


def classes_of(labels: Iterable[str]) -> np.ndarray:
    """(6,) bool in the order of CLASSES; a class's own name counts like its codes, and codes of none are left out."""
    found = {_CLASS_OF.get(code) for code in labels}
    return np.array([name in found for name in CLASSES])


def unused(labels: Iterable[str]) -> list[str]:
    """Codes that belong to no class here: form and rhythm, or somebody's own."""
    return [code for code in labels if code not in _CLASS_OF]
