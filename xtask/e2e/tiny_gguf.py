#!/usr/bin/env python3
"""Writes a llama model with random weights that llama-server loads: tiny_gguf.py OUT

It knows nothing: what it says is decided by the server's grammar. Needs numpy and gguf (pip install gguf).
The vocabulary is the 256 bytes and a few control tokens, so any text can be said, one token per byte.
"""

import sys

import gguf
import numpy

WIDTH, LAYERS, HEADS, HIDDEN, CONTEXT = 64, 1, 4, 96, 131072
CONTROL = ["<|end|>", "<|turn|>", "<|stop|>"]
# What opens a call of a tool, in the words of tools.jinja: one token, so that a bias can make the model say it.
CALL = "<tool_call>\n"
CHAT = (
    "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}<|stop|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)


def byte_symbols():
    """The printable stand-in for each byte that byte-level tokenizers write in their vocabulary."""
    plain = {b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b}
    shifted = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(shifted)) for b in range(256)]


def main(out):
    random = numpy.random.default_rng(7)

    def weights(*shape):
        return (random.standard_normal(shape) * 0.2).astype(numpy.float32)

    symbols = byte_symbols()
    tokens = symbols + [symbols[ord("<")] * 2]
    control = len(tokens)
    tokens += CONTROL + [CALL]
    kinds = [gguf.TokenType.NORMAL] * control + [gguf.TokenType.CONTROL] * len(CONTROL) + [gguf.TokenType.USER_DEFINED]

    file = gguf.GGUFWriter(out, "llama")
    file.add_name("tiny")
    file.add_file_type(gguf.LlamaFileType.ALL_F32)
    file.add_context_length(CONTEXT)
    file.add_embedding_length(WIDTH)
    file.add_block_count(LAYERS)
    file.add_feed_forward_length(HIDDEN)
    file.add_head_count(HEADS)
    file.add_head_count_kv(1)
    file.add_rope_dimension_count(WIDTH // HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(len(tokens))
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("gpt-2")
    file.add_token_list(tokens)
    file.add_token_types(kinds)
    file.add_token_merges([f"{symbols[ord('<')]} {symbols[ord('<')]}"])
    file.add_bos_token_id(control)
    file.add_eos_token_id(control + 2)
    file.add_add_bos_token(False)
    file.add_chat_template(CHAT)

    shared = WIDTH // HEADS
    file.add_tensor("token_embd.weight", weights(len(tokens), WIDTH))
    file.add_tensor("output.weight", weights(len(tokens), WIDTH))
    file.add_tensor("output_norm.weight", numpy.ones(WIDTH, numpy.float32))
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for norm in ("attn_norm", "ffn_norm"):
            file.add_tensor(f"{block}{norm}.weight", numpy.ones(WIDTH, numpy.float32))
        for name, rows, columns in (
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", shared, WIDTH),
            ("attn_v", shared, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", HIDDEN, WIDTH),
            ("ffn_up", HIDDEN, WIDTH),
            ("ffn_down", WIDTH, HIDDEN),
        ):
            file.add_tensor(f"{block}{name}.weight", weights(rows, columns))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


if __name__ == "__main__":
    main(sys.argv[1])
