"""The language of a text is found out; a text in a language without a register is left unread."""

from __future__ import annotations

import pytest

from nastdata import parse
from nastdata.ontology import Ontology
from nastdata.reading.languages import find_language

READ = {
    "English": [
        *("No pneumothorax.", "Pneumothorax.", "PTX: none", "NO ACUTE DISEASE", "Cardiomegaly", "ETT", "Clear lungs"),
        *("Loculated hydropneumothorax", "Swan-Ganz catheter in situ", "RLL pneumonia", "Non-contrast. Normal."),
        *("s/p CABG", "Consolidation", "Heart: enlarged", "12 mm nodule", "", "  ", "123"),
        "Dr. Garcia reviewed the images with Dr. de la Cruz. No effusion.",
        "DE LA TORRE, MARIA. CHEST PA AND LATERAL. NO INFILTRATE.",
    ],
    "Spanish": [
        *("Sin derrame.", "No neumotórax.", "Derrame pleural.", "NEUMOTÓRAX IZQUIERDO", "Neumotórax", "Cardiomegalia."),
        *("no apreci infiltr ni condens pulmonar", "cardiomegali", "derram pleural izquierd", "sin hallazg"),
        *("sign epoc", "sond nasogastr", "atelectasi lamin lsd", "elongacion aortic", "infiltr lid", "nodul pulmon lm"),
        *("tub endotraqueal 5 cm carin", "Edema agudo de pulmón", "cambi secundari cirugi abdominal"),
    ],
}  # fmt: skip
UNREAD = {
    "German": [
        *("Kein Pneumothorax.", "Pleuraerguss links.", "Herz nicht vergrößert.", "Pneumothorax rechts", "Kein Erguss"),
        *("Verschattung im rechten Unterlappen.", "Kein Nachweis eines Pneumothorax", "KEIN PNEUMOTHORAX"),
    ],
    "French": [
        *("Pas de pneumothorax.", "Pas d'épanchement pleural.", "Épanchement pleural gauche.", "Pneumothorax droit"),
        *("Absence de pneumothorax", "Coeur de taille normale.", "Aucune opacité.", "Opacité du lobe inférieur droit"),
    ],
    "Italian": [
        *("Versamento pleurico sinistro.", "Nessun addensamento.", "Non segni di versamento"),
        *("Non pneumotorace.", "Assenza di pneumotorace", "Cuore nei limiti."),
    ],
    "Portuguese": [
        *("Sem pneumotórax.", "Derrame pleural à esquerda.", "Não há derrame pleural.", "Ausência de consolidação"),
        "Cardiomegalia acentuada. Sem derrame.",
    ],
    "Dutch": ["Geen pneumothorax.", "Geen pleuravocht", "Hart niet vergroot."],
    "Polish": ["Bez odmy opłucnowej."],
    "Vietnamese": ["Không có tràn khí màng phổi."],
    "Cyrillic script": ["Пневмоторакс не выявлен."],
    "CJK script": ["未见气胸。", "気胸なし"],
}  # fmt: skip


@pytest.mark.parametrize(("language", "text"), [(k, t) for k, texts in READ.items() for t in texts])
def test_registers(ontology: Ontology, language: str, text: str) -> None:
    found = find_language(text, ontology)
    assert (found.name, found.register) == (language, language.lower())


@pytest.mark.parametrize(("language", "text"), [(k, t) for k, texts in UNREAD.items() for t in texts])
def test_languages_without_a_register(ontology: Ontology, language: str, text: str) -> None:
    found = find_language(text, ontology)
    assert (found.name, found.register) == (language, None)
    reading = parse(text)
    assert (reading.labels, reading.facts, reading.language) == ({}, (), None)
    assert [(u.text, u.reason) for u in reading.unread] == [
        (text, f"language: {language}, which has no register")
    ]


@pytest.mark.parametrize("text", ["Ingen pneumothorax.", "Ingen pneumothorax, ingen væske.", "Pnömotoraks yok."])
def test_which_of_two_alike_languages_does_not_matter(ontology: Ontology, text: str) -> None:
    assert find_language(text, ontology).register is None


def test_long_texts_are_decided_by_their_beginning(ontology: Ontology) -> None:
    assert find_language("The lungs are clear. " * 5000 + "Kein Erguss. " * 50_000, ontology).name == "English"
