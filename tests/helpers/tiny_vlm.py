"""A random LLaVA of transformers, tiny, with a tokenizer, an image processor and a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = (
    "which combination of findings does this chest radiograph show statement is true answer with one letter "
    ": , . or there no a b c d e f g edema pneumothorax pleural effusion on the left right user assistant"
).split()


def make_vlm_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<unk>", "<s>", "</s>", "<image>"]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*special, *WORDS])}, unk_token="<unk>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", bos_token="<s>", unk_token="<unk>"
    )
    made.add_special_tokens({"additional_special_tokens": ["<image>"]})
    return made


CHAT = (
    "{% for m in messages %}{{ m['role'] }} : {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image> {% else %}{{ c['text'] }} {% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)


def write_vlm(folder: Path) -> Path:
    import torch
    import transformers as t

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = make_vlm_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = t.LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=2, **sizes)
    vision = t.CLIPVisionConfig(image_size=32, patch_size=16, projection_dim=32, **sizes)
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = t.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=image, image_seq_length=4
    )
    model = t.LlavaForConditionalGeneration(config)
    for name, p in model.named_parameters():
        if p.dim() >= 2:
            torch.nn.init.normal_(p, std=0.5 if "embed" in name or "head" in name else 0.2)
    model.save_pretrained(folder)
    t.LlavaProcessor(
        image_processor=t.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
        tokenizer=tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT,
    ).save_pretrained(folder)
    return folder
