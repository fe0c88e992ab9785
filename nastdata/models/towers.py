"""Text towers with their layers open: record hidden states, put states back, go on from any layer.

Layer 0 is the embedding output, layer l the output of block l (``depth`` blocks). That is all that tracing,
head ablation and layer-wise fine-tuning need to know of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nastdata.errors import UserError


class TextTower(Protocol):
    """A stack of transformer blocks between token ids and a text feature."""

    depth: int
    heads: int
    causal: bool
    """Whether a state depends on the tokens up to its own only."""
    module: Any
    """The torch module that holds the tower (LoRA goes into its blocks)."""
    blocks: list[Any]
    keeps_prefix: bool
    """Whether ``resume`` takes a prefix."""

    def capture(self, tokens: Tensor) -> list[Tensor]:
        """Return the depth + 1 hidden states, each (batch, length, width), of (batch, length) token ids."""
        ...

    def resume(
        self, states: Tensor, tokens: Tensor, layer: int, prefix: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Go on from the states of ``layer`` (batch, length, width) to features (batch, dim), unscaled.

        With ``prefix``, the states of every layer at the first positions (batch, start, width), which nothing
        later can change in a causal tower, ``states`` holds the positions after it only.
        """
        ...

    def attend(self, tokens: Tensor) -> Tensor:
        """Return attention weights (depth, batch, heads, length, length)."""
        ...

    def project_heads(self, layer: int) -> Any:
        """Return the (width, width) weight of block ``layer`` (from 0) that reads the heads' outputs."""
        ...

    def read_heads(self, tokens: Tensor) -> Tensor:
        """Return the heads' outputs side by side, (depth, batch, length, width), before their projection."""
        ...

    def attention_output(self, layer: int) -> Any:
        """Return the module of block ``layer`` whose (first) output is the heads' projected output."""
        ...


class NativeTower:
    """open_clip's own text transformer, whether it stands alone (``.text``) or is spread over ``CLIP``.

    Shorter token rows than the context are fine where attention is causal, which the module itself refuses.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.blocks = list(module.transformer.resblocks)
        self.depth = len(self.blocks)
        self.heads = int(self.blocks[0].attn.num_heads)
        self.mask: Tensor | None = module.attn_mask
        self.causal = self.mask is not None
        self.keeps_prefix = self.causal and all(type(b).__name__ == PLAIN_BLOCK for b in self.blocks)
        self.pool = str(getattr(module, "text_pool_type", None) or module.pool_type)
        if getattr(module, "cls_emb", None) is not None or getattr(module, "use_pad_mask", False):
            raise UserError(
                "text towers with an appended class token or a padding mask can't be traced",
                how="use a CLIP model; CoCa is not supported",
            )

    @property
    def can_cut(self) -> bool:
        """Whether padding after the last token may be left off without changing the feature."""
        return self.causal and self.pool in ("argmax", "eos")

    def capture(self, tokens: Tensor) -> list[Tensor]:
        """See ``TextTower``."""
        m = self.module
        x = m.token_embedding(tokens) + m.positional_embedding[: tokens.shape[1]]
        states = [x]
        for block in self.blocks:
            x = block(x, attn_mask=self._cut_mask(tokens))
            states.append(x)
        return states

    def resume(
        self, states: Tensor, tokens: Tensor, layer: int, prefix: Sequence[Tensor] | None = None
    ) -> Tensor:
        """See ``TextTower``."""
        from open_clip.transformer import text_global_pool

        x, mask = states, self._cut_mask(tokens)
        for i, block in enumerate(self.blocks[layer:], start=layer):
            x = block(x, attn_mask=mask) if prefix is None else _run_suffix(block, prefix[i], x, mask)
        m = self.module
        tokens = tokens if prefix is None else tokens[:, prefix[0].shape[1] :]
        eos = getattr(m, "text_eos_id", None) or getattr(m, "eos_id", None)
        pooled = text_global_pool(m.ln_final(x), tokens, self.pool, eos_token_id=eos)
        projection = m.text_projection
        if projection is None:
            return pooled
        return projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection

    def attend(self, tokens: Tensor) -> Tensor:
        """See ``TextTower``."""
        states = self.capture(tokens)
        out = []
        for block, x in zip(self.blocks, states, strict=False):
            x = block.ln_1(x)
            _, weights = block.attn(
                x, x, x, need_weights=True, average_attn_weights=False, attn_mask=self._cut_mask(tokens)
            )
            out.append(weights)
        return torch.stack(out)

    def project_heads(self, layer: int) -> Any:
        """See ``TextTower``."""
        return self.blocks[layer].attn.out_proj.weight

    def read_heads(self, tokens: Tensor) -> Tensor:
        """See ``TextTower``."""
        out = []
        for block, x, weights in zip(self.blocks, self.capture(tokens), self.attend(tokens), strict=False):
            start = 2 * x.shape[-1]
            attention = block.attn
            bias = None if attention.in_proj_bias is None else attention.in_proj_bias[start:]
            values = nn.functional.linear(block.ln_1(x), attention.in_proj_weight[start:], bias)
            by_head = values.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            out.append((weights @ by_head).transpose(1, 2).flatten(2))
        return torch.stack(out)

    def attention_output(self, layer: int) -> Any:
        """See ``TextTower``."""
        return self.blocks[layer].attn

    def _cut_mask(self, tokens: Tensor) -> Tensor | None:
        length = tokens.shape[1]
        return None if self.mask is None else self.mask[:length, :length]


class StackTower:
    """Any module that loops over one ``nn.ModuleList`` of blocks: Hugging Face encoders of every kind.

    To go on from a layer, the blocks below it are replaced, for the time of one call, by a stub that hands
    out the given states; masks, pooling and projection stay the module's own business.
    """

    def __init__(self, module: Any, encode: Callable[[Tensor], Tensor], *, causal: bool, config: Any) -> None:
        self.module = module
        self.encode = encode
        self.causal = causal
        self.keeps_prefix = False
        self.config = config
        self.parent, self.attribute = _find_stack(module)
        self.blocks = list(getattr(self.parent, self.attribute))
        self.depth = len(self.blocks)
        self.heads = int(config.num_attention_heads)

    def capture(self, tokens: Tensor) -> list[Tensor]:
        """See ``TextTower``."""
        states: list[Tensor] = []
        hooks = [self.blocks[0].register_forward_pre_hook(_record_input(states), with_kwargs=True)]
        hooks += [
            b.register_forward_hook(lambda _m, _a, out: states.append(take_states(out))) for b in self.blocks
        ]
        try:
            self.encode(tokens)
        finally:
            for hook in hooks:
                hook.remove()
        return states

    def resume(
        self, states: Tensor, tokens: Tensor, layer: int, prefix: Sequence[Tensor] | None = None
    ) -> Tensor:
        """See ``TextTower``; a prefix is not taken."""
        if prefix is not None:
            raise ValueError("this tower keeps no prefix")
        with self._replace_below(states, layer):
            return self.encode(tokens)

    def attend(self, tokens: Tensor) -> Tensor:
        """See ``TextTower``; the attention is switched to the slow kind that tells its weights."""
        usual = self.config._attn_implementation
        weights: list[Tensor] = []
        hooks = []
        for block in self.blocks:
            attention = next(
                m for n, m in block.named_modules() if n.endswith(("attention.self", "self_attn"))
            )
            hooks.append(attention.register_forward_hook(lambda _m, _a, out: weights.append(out[1])))
        try:
            self.config._attn_implementation = "eager"
            self.encode(tokens)
        finally:
            self.config._attn_implementation = usual
            for hook in hooks:
                hook.remove()
        return torch.stack(weights)

    def project_heads(self, layer: int) -> Any:
        """See ``TextTower``."""
        return self.attention_output(layer).weight

    def read_heads(self, tokens: Tensor) -> Tensor:
        """See ``TextTower``."""
        read: list[Tensor] = []
        modules = [self.attention_output(layer) for layer in range(self.depth)]
        hooks = [m.register_forward_pre_hook(lambda _m, args: read.append(args[0])) for m in modules]
        try:
            self.encode(tokens)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(read)

    def attention_output(self, layer: int) -> Any:
        """See ``TextTower``."""
        ends = ("attention.output.dense", "self_attn.out_proj", "attention.out_lin")
        for name, module in self.blocks[layer].named_modules():
            if name.endswith(ends):
                return module
        raise UserError(
            "no attention output found in a block of this text tower", where=type(self.module).__name__
        )

    @contextmanager
    def _replace_below(self, states: Tensor, layer: int) -> Iterator[None]:
        stub: Any = nn.Identity()
        stub.forward = lambda *_args, **_kwargs: states
        whole = getattr(self.parent, self.attribute)
        setattr(self.parent, self.attribute, nn.ModuleList([stub, *self.blocks[layer:]]))
        try:
            yield
        finally:
            setattr(self.parent, self.attribute, whole)


PLAIN_BLOCK = "ResidualAttentionBlock"


def _run_suffix(block: Any, prefix: Tensor, states: Tensor, mask: Tensor | None) -> Tensor:
    """Run a block of open_clip for the last positions; the first ones are only looked at."""
    start = prefix.shape[1]
    whole = block.ln_1(torch.cat([prefix, states], dim=1))
    seen = None if mask is None else mask[start:]
    x = states + block.ls_1(block.attention(whole[:, start:], whole, whole, attn_mask=seen))
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def _find_stack(module: Any) -> tuple[Any, str]:
    """Return the parent and attribute name of the longest ``nn.ModuleList`` in a module."""
    stacks = [(len(m), name) for name, m in module.named_modules() if isinstance(m, nn.ModuleList)]
    if not stacks:
        raise UserError("no stack of transformer blocks in this text tower", where=type(module).__name__)
    _, name = max(stacks)
    parent, _, attribute = name.rpartition(".")
    return (module.get_submodule(parent) if parent else module), attribute


def take_states(out: Any) -> Tensor:
    """Blocks return a tensor, or in older versions a tuple that begins with it."""
    return out if isinstance(out, Tensor) else out[0]


def _record_input(states: list[Tensor]) -> Callable[..., None]:
    def record(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        states.append(args[0] if args else kwargs["hidden_states"])

    return record
