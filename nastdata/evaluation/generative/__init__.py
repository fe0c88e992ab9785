"""Generative vision-language models on multiple-choice questions: asking, reading, counting."""

from nastdata.evaluation.generative.images import check_images_may_go
from nastdata.evaluation.generative.run import Judged, is_generative, judge_vlm
from nastdata.evaluation.generative.settings import Permission, VisionSettings

__all__ = ["Judged", "Permission", "VisionSettings", "check_images_may_go", "is_generative", "judge_vlm"]
