"""Answers of generative models, in the manners of many of them: read rightly, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nastdata.llm.answers.reader import FORMS, LETTERS, read_answer

OPTIONS = (
    "Pleural effusion without pulmonary edema or enlarged cardiomediastinum.",
    "Pleural effusion without pulmonary edema.",
    "Enlarged cardiomediastinum without pleural effusion or pulmonary edema.",
    "Pulmonary edema and enlarged cardiomediastinum without pleural effusion.",
)
A, B, C, D = OPTIONS

READ = [
    # letters in their usual dresses
    ("B", "B"),
    ("b", "B"),
    ("a", "A"),
    ("A", "A"),
    ("B.", "B"),
    ("b.", "B"),
    ("(B)", "B"),
    ("( B )", "B"),
    ("[C]", "C"),
    ("B)", "B"),
    ("**B**", "B"),
    ("**B.**", "B"),
    ("*D*", "D"),
    ("`B`", "B"),
    ('"B"', "B"),
    ("“B”", "B"),
    ("$B$", "B"),
    ("Ｂ", "B"),
    ("【B】", "B"),
    ("Option B", "B"),
    ("option b.", "B"),
    ("- B", "B"),
    ("> **B**", "B"),
    ("B\n", "B"),
    ("B\nB", "B"),
    ("\ufeffB", "B"),
    ("```\nB\n```", "B"),
    ("B<|im_end|>", "B"),
    ("B<|eot_id|>", "B"),
    ("</s>B", "B"),
    # letter, then text
    (f"B. {B}", "B"),
    (f"B: {B}", "B"),
    (f"B) {B}", "B"),
    (f"(B) {B}", "B"),
    (f"B - {B}", "B"),
    (f"**B.** {B}", "B"),
    (f"**B. {B}**", "B"),
    (f"B {B}", "B"),
    (f"A {A}", "A"),
    ("A. The costophrenic angle is blunted on the left.", "A"),
    ("B. There may be mild edema as well.", "B"),
    ("B\n\nThe costophrenic angle is blunted.", "B"),
    ("B, not A.", "B"),
    ("B rather than C.", "B"),
    ("B. Options A, C and D are incorrect.", "B"),
    ("B because the angle is blunt.", "B"),
    ("A, because the angle is blunt.", "A"),
    ("B. Please consult a radiologist for a diagnosis.", "B"),
    # statements
    ("ANSWER: B", "B"),
    ("ANSWER: (B)", "B"),
    ("Answer: b", "B"),
    ("answer: **B**", "B"),
    ("**Answer:** B", "B"),
    ("**Answer: B**", "B"),
    ("Answer - B", "B"),
    ("Answer = B", "B"),
    ("Ans: B", "B"),
    ("ASSISTANT: The answer is B", "B"),
    ("The answer is B.", "B"),
    ("The answer is A.", "A"),
    ("The answer is (A), since the angle is blunt.", "A"),
    ("The answer is A because the angle is blunt.", "A"),
    ("The correct answer is **B**.", "B"),
    ("The correct option is: (D)", "D"),
    ("The correct answer is option B.", "B"),
    ("The best answer is B, as the lungs are clear.", "B"),
    ("Option B is correct.", "B"),
    ("B is the correct answer.", "B"),
    ("C is correct, since the heart is large.", "C"),
    ("I would choose option C.", "C"),
    ("I'd go with B.", "B"),
    ("I think the answer is B.", "B"),
    ("My answer: D", "D"),
    ("Final Answer: The final answer is $\\boxed{B}$.", "B"),
    ("\\boxed{B}", "B"),
    ("The lungs are clear.\n\n$$\\boxed{\\text{C}}$$", "C"),
    ("First answer: A. On reflection, the final answer is B.", "B"),
    ("Looking at the image, the angle is blunt.\n\nAnswer: B", "B"),
    ("Let's see. A: no edema, so no. C: no. D: no.\nANSWER: B", "B"),
    ("### Answer\n\n**B**", "B"),
    ("The image shows blunting.\n\n**B**", "B"),
    ("A pleural effusion is seen, therefore B.", "B"),
    ("A pleural effusion is seen (B).", "B"),
    ("The image is most consistent with option B.", "B"),
    ("Option D best describes this radiograph.", "D"),
    ("A chest radiograph shows an effusion. The answer is C.", "C"),
    (f"The correct answer is B: {B}", "B"),
    (f"The correct answer is:\n\nB. {B}", "B"),
    ("I am not a doctor, but the answer is B.", "B"),
    ('{"answer": "B"}', "B"),
    ('```json\n{"answer": "B", "explanation": "A is wrong, C too"}\n```', "B"),
    ('{"Final Answer": "(c)"}', "C"),
    ('["D"]', "D"),
    ("<answer>B</answer>", "B"),
    ("<reasoning>A?</reasoning> <answer> C </answer>", "C"),
    ("正确答案是B。", "B"),
    ("答案：C", "C"),
    ("La bonne réponse est D.", "D"),
    ("La respuesta correcta es la B.", "B"),
    ("Die richtige Antwort ist B.", "B"),
    # thoughts
    ("<think>A or D? ... A is out.</think>B", "B"),
    ("A or D? A is out.</think>\n\nB", "B"),
    ("<think></think>B", "B"),
    ("<think>one</think>A<think>two</think>B", "B"),
    ("<unused94>thought\nThe answer is A.<unused95>The answer is B.", "B"),
    # the option's own text
    (B, "B"),
    (B.rstrip("."), "B"),
    (B.lower(), "B"),
    (f'"{C}"', "C"),
    (f"**{A}**", "A"),
    (f"The image shows {B[0].lower()}{B[1:]}", "B"),
    (f"This chest radiograph shows {C[0].lower()}{C[1:]}", "C"),
    (f"The correct answer is: {D}", "D"),
    (f"Answer: {D}", "D"),
    (f"A {B[0].lower()}{B[1:]}", "B"),
    (f"{D} The heart is large.", "D"),
    (f"Based on the image, the correct option is: {A}", "A"),
]

UNUSABLE = [
    "",
    " \n",
    # articles
    "A chest radiograph shows no finding that decides it.",
    "A pleural effusion is present.",
    "A radiologist should look.",
    "a pleural effusion",
    "The answer is a pleural effusion.",
    "The answer is A pleural effusion.",
    "An effusion is seen.",
    "I see an effusion.",
    "A",  # cut; see CUT
    # two letters
    "A or B",
    "A/B",
    "A, B",
    "A and C",
    "B or C.",
    "Both A and C.",
    "(A) or (B)",
    "B and possibly C",
    "The answer is A or B.",
    "Answer: A, C",
    "Answer: B/D",
    "Answer: A & B",
    "It is between B and C.",
    "either B or D",
    "A\nB",
    "AB",
    "ABCD",
    f"A. {A}\nB. {B}\nC. {C}\nD. {D}",
    "B. No, C.",
    "The answer is B. The answer is C.",
    "B is correct, and C is correct too.",
    '{"answer": ["A", "B"]}',
    "<answer>A</answer><answer>B</answer>",
    "\\boxed{A} \\boxed{B}",
    # hedges
    "Probably B.",
    "Maybe B",
    "It could be B.",
    "The answer might be B.",
    "The answer could be B",
    "B, but I'm not sure.",
    "If I had to guess, B.",
    "B?",
    "The answer is B?",
    "I'm not certain, perhaps C.",
    # refusals
    "I cannot determine",
    "I cannot determine. A radiologist should look.",
    "I cannot answer. A radiologist should look.",
    "I'm sorry, but I can't help with medical images.",
    "As an AI, I am unable to interpret radiographs.",
    "I don't see an image. Please upload it.",
    "No image was provided.",
    "None of the above.",
    "All of the above.",
    "There is not enough information to say B.",
    "[LMMS_EVAL_REQUEST_FAILED after 3 retries] Connection error",
    "无法确定",
    # denied
    "The answer is not B.",
    "I don't think the answer is B.",
    "Not B.",
    "It isn't B",
    "I doubt that the answer is B.",
    "If the answer is B, the angle must be blunt.",
    # letters that are no answers
    "Hepatitis B cannot be judged",
    "B-lines are seen.",
    "Kerley B lines are seen.",
    "Vitamin D.",
    "Let me look at the image. Option A says",
    "Let me consider option B first.",
    "E",
    "The answer is F.",
    "Z",
    "1",
    "2.",
    "Yes",
    "The image shows Option",
    # thoughts that do not end
    "<think>Let me look. Option A says",
    "<think>The answer is B",
    "<think>x</think>",
    "<unused94>thought\nThe answer is B.",
    # texts that are no option
    "Pleural effusion.",
    "Pleural effusion without pulmonary edema or fracture.",
    "There is no pleural effusion without pulmonary edema.",
    f"{A} {B}",
    # letter and text differ
    f"B. {C}",
    f"The answer is B: {C}",
    f"The correct answer is A. {D}",
]


@pytest.mark.parametrize(("answer", "letter"), READ)
def test_answers_that_say_one_option(answer: str, letter: str) -> None:
    assert read_answer(answer, OPTIONS).letter == letter


@pytest.mark.parametrize("answer", [a for a in UNUSABLE if a != "A"])
def test_answers_that_can_not_be_used(answer: str) -> None:
    found = read_answer(answer, OPTIONS)
    assert found.letter is None, found


@pytest.mark.parametrize(
    "answer", ["A", "The answer is A", "Answer: B", "<think>A", "B or", "Let me see: A", ""]
)
def test_an_answer_cut_after_its_letter_may_go_on(answer: str) -> None:
    assert read_answer(answer, OPTIONS, cut=True).letter is None


@pytest.mark.parametrize(
    ("answer", "letter"), [("B. The angle is bl", "B"), ("The answer is C because it", "C")]
)
def test_an_answer_cut_later_is_read(answer: str, letter: str) -> None:
    assert read_answer(answer, OPTIONS, cut=True).letter == letter


YES_NO = [
    ("Yes", "A"),
    ("yes.", "A"),
    ("No.", "B"),
    ("**No**", "B"),
    ("Yes, there is a pleural effusion.", "A"),
    ("No, a pleural effusion is not present.", "B"),
    ("No. A pleural effusion may be elsewhere.", "B"),
    ("The answer is yes.", "A"),
    ("B. No", "B"),
    ("A. Yes", "A"),
    ("A", "A"),
    ("Yes and no.", None),
    ("Yes or no?", None),
    ("There is no effusion.", None),
    ("No effusion.", None),
    ("A. No", None),
    ("Yes, but I'm not sure.", None),
    ("Possibly yes.", None),
    ("Nothing to see.", None),
]


@pytest.mark.parametrize(("answer", "letter"), YES_NO)
def test_yes_and_no(answer: str, letter: str | None) -> None:
    assert read_answer(answer, ("Yes", "No")).letter == letter


def _examples() -> list[tuple[str, str, str | None, tuple[str, ...]]]:
    found = json.loads(FORMS.read_text())
    out = []
    for name, entries in found.items():
        for entry in entries if isinstance(entries, list) else ():
            answer, letter = entry["example"]
            options = OPTIONS
            if name == "closed_answers":
                options, letter = ("Yes", "No"), LETTERS[["yes", "no"].index(letter)]
            out.append((name, answer.replace("{B}", B), letter, options))
    return out


@pytest.mark.parametrize(("name", "answer", "letter", "options"), _examples())
def test_the_example_of_every_form(name: str, answer: str, letter: str | None, options: Any) -> None:
    assert read_answer(answer, options).letter == letter


@given(st.integers(4, 7), st.data())
def test_any_letter_in_any_dress(count: int, data: st.DataObject) -> None:
    options = [f"There is finding number {i}." for i in range(count)]
    at = data.draw(st.integers(0, 6))
    x = LETTERS[at]
    dress = data.draw(
        st.sampled_from(["{x}", "({x})", "{x}.", "**{x}**", "Answer: {x}", "The answer is {x}.", "{x}) {t}"])
    )
    own = options[at] if at < count else "Something else."
    thought = data.draw(st.sampled_from(["", "<think>A, B or C?</think>", "<think>\n</think>\n"]))
    found = read_answer(thought + dress.format(x=x, t=own), options).letter
    assert found == (x if at < count else None)


@given(st.permutations(OPTIONS), st.integers(0, 3))
def test_the_text_is_read_wherever_its_option_is(order: list[str], at: int) -> None:
    assert read_answer(f"The image shows {OPTIONS[at]}", order).letter == LETTERS[order.index(OPTIONS[at])]


@given(st.text(max_size=200), st.booleans())
def test_no_text_is_too_strange(text: str, cut: bool) -> None:
    assert read_answer(text, OPTIONS, cut=cut).letter in (*"ABCD", None)
