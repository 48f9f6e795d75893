"""Makes clip.safetensors and expected.safetensors: a small CLIP tower of timm 0.9.10 with random weights, and what it
gives. Needs timm==0.9.10, torch and safetensors. As Cobra's CLIP backbone does: quick_gelu, features of the second-to-last
block, without the class token and the final norm.

    python3 tests/data/clip/make_fixture.py
"""

import pathlib

import timm
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
SIZE, DIM, DEPTH, HEADS = 60, 48, 3, 4

torch.manual_seed(11)
model = timm.create_model("vit_large_patch14_clip_336.openai", pretrained=False, num_classes=0, img_size=SIZE, embed_dim=DIM,
                          depth=DEPTH, num_heads=HEADS, act_layer="quick_gelu").eval()
for parameter in model.parameters():
    torch.nn.init.normal_(parameter, std=0.15 if parameter.ndim < 2 else parameter[0].numel() ** -0.5)
for name, parameter in model.named_parameters():
    if "norm" in name and name.endswith("weight"):
        torch.nn.init.normal_(parameter, mean=1.0, std=0.1)

pixels = torch.randn(1, 3, SIZE, SIZE)
expected = {"pixel_values": pixels[0].contiguous()}
with torch.no_grad():
    features = model.get_intermediate_layers(pixels, n={DEPTH - 2})[0]
    expected["features"] = features[0].contiguous()
    x = model.patch_embed(pixels)
    x = model.norm_pre(model._pos_embed(x))
    expected["embedded"] = x[0].contiguous()
    for i, block in enumerate(model.blocks):
        x = block(x)
        expected[f"block{i}"] = x[0].contiguous()
save_file({k: v.contiguous() for k, v in model.state_dict().items()}, HERE / "clip.safetensors")
save_file(expected, HERE / "expected.safetensors")
(HERE / "dims.json").write_text('{"clip": {"num_heads": %d, "image_size": %d}}\n' % (HEADS, SIZE))
print(sorted((k, tuple(v.shape)) for k, v in model.state_dict().items())[:12], type(model.blocks[0].mlp.act))
