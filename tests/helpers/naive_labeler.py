"""A labeler that answers our reading prompts as a weak model would; it shares no code with the package.

It takes a finding for denied if "no" or "without" is anywhere before it in its sentence, and knows the sides.
"""

from __future__ import annotations

import json
import re

NAMES = {
    "Pneumothorax": "pneumothorax",
    "Pleural Effusion": "effusions?",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Cardiomegaly": "cardiomegaly",
    "Atelectasis": "atelectasis",
    "Pneumonia": "pneumonia",
}
DOUBT = r"\b(possible|may|cannot|probable|likely)\b"


def label(prompt: str) -> str:
    """Answer a reading prompt with JSON."""
    findings = []
    for number, sentence in re.findall(r"^\[(\d+)\] (.*)$", prompt, re.M):
        for condition, name in NAMES.items():
            found = re.search(rf"(?i)\b{name}\b", sentence)
            if not found:
                continue
            before = sentence[: found.start()]
            side = re.search(r"(?i)\b(left|right|bilateral)\b", before)
            grade = re.search(r"(?i)\b(small|large|mild|severe)\b", before)
            findings.append(
                {
                    "condition": condition,
                    "existence": "absent" if re.search(r"(?i)\b(no|without)\b", before) else "present",
                    "certainty": "uncertain" if re.search("(?i)" + DOUBT, sentence) else "definite",
                    "place": side.group().lower() if side else "none",
                    "grade": grade.group().lower() if grade else "none",
                    "sentence": number,
                }
            )
    return json.dumps({"findings": findings})
