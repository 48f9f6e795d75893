#include "vision/vit.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/aligned_buffer.h"

namespace cobra {
namespace {

/// Activations of one pass; S = prefix tokens + patches.
struct VitActivations {
  AlignedBuffer<float> x, h, qkv;
  VitActivations(int64_t S, const TowerConfig& c)
      : x(S * c.embed_dim), h(S * c.embed_dim), qkv(S * 3 * c.embed_dim) {}
};

/// Rows of pixels under each patch: [patches, 3 p p], channel outermost, as the convolution's weight lies.
AlignedBuffer<float> patch_rows(const TowerConfig& c, TensorView<const float> pixels) {
  const int p = c.patch_size, grid = c.grid();
  AlignedBuffer<float> rows(int64_t{c.patches()} * 3 * p * p);
  float* out = rows.data();
  for (int patch = 0; patch < c.patches(); ++patch) {
    const int64_t top = int64_t{patch / grid} * p, left = int64_t{patch % grid} * p;
    for (int channel = 0; channel < 3; ++channel) {
      for (int y = 0; y < p; ++y, out += p) {
        std::memcpy(out, pixels.row(channel) + (top + y) * c.image_size + left,
                    static_cast<size_t>(p) * sizeof(float));
      }
    }
  }
  return rows;
}

void add_rows(TensorView<float> x, const float* rows) {
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t i = 0; i < x.cols; ++i) x(r, i) += rows[r * x.cols + i];
  }
}

/// Patch embedding, prefix tokens and positions: x [S, d]. The positions of DINOv2 and SigLIP cover patches
/// only and are added before the prefix is put in front (timm's no_embed_class); CLIP's cover the class token
/// too.
void embed(const Kernels& k, const TowerConfig& c, const VitWeights& w, TensorView<const float> pixels,
           TensorView<float> x) {
  const int64_t d = c.embed_dim, p = c.patch_size;
  const AlignedBuffer<float> rows = patch_rows(c, pixels);
  const TensorView<float> patches = x.slice_rows(c.prefix_tokens(), c.patches());
  k.linear(TensorView<const float>(rows.data(), c.patches(), 3 * p * p), w.patch_embed, patches,
           {.bias = w.patch_bias});
  float* prefix = x.data;
  if (c.class_token) {
    std::copy_n(w.cls_token, d, prefix);
    prefix += d;
  }
  std::copy_n(w.reg_token, c.register_tokens * d, prefix);
  add_rows(c.position_covers_prefix ? x : patches, w.pos_embed);
  if (c.pre_norm) k.layer_norm(x, w.pre_norm_weight, w.pre_norm_bias, c.norm_epsilon, x);
}

/// x += ls1 * proj(attention(norm1(x)));  x += ls2 * fc2(act(fc1(norm2(x))))
void vit_block(const Kernels& k, const TowerConfig& c, const VitBlockWeights& w, VitActivations& t,
               TensorView<float> x) {
  const int64_t S = x.rows, d = c.embed_dim;
  const TensorView<float> h(t.h.data(), S, d), qkv(t.qkv.data(), S, 3 * d);
  k.layer_norm(x, w.norm1_weight, w.norm1_bias, c.norm_epsilon, h);
  k.linear(h, w.qkv, qkv, {.bias = w.qkv_bias});
  k.attention(qkv, c.num_heads, w.qkv.type, h);
  k.linear(h, w.proj, x, {.bias = w.proj_bias, .scale = w.ls1, .add_to_output = true});

  k.layer_norm(x, w.norm2_weight, w.norm2_bias, c.norm_epsilon, h);
  const Activation activation = c.quick_gelu ? Activation::quick_gelu : Activation::gelu;
  const MlpLayer layers[] = {{w.fc1, {.bias = w.fc1_bias, .activation = activation}},
                             {w.fc2, {.bias = w.fc2_bias, .scale = w.ls2, .add_to_output = true}}};
  k.mlp(h, layers, x);
}

}  // namespace

void vit_forward(const Kernels& k, const TowerConfig& c, const VitWeights& w,
                 TensorView<const float> pixel_values, TensorView<float> features, const TraceSink& trace) {
  const int64_t S = c.prefix_tokens() + c.patches(), d = c.embed_dim;
  VitActivations t(S, c);
  const TensorView<float> x(t.x.data(), S, d);
  embed(k, c, w, pixel_values, x);
  if (trace) trace(c.name + ".embedded", {S, d}, x.data);
  const int last = trace ? c.depth - 1 : c.feature_block();
  for (int i = 0; i <= last; ++i) {
    vit_block(k, c, w.blocks[static_cast<size_t>(i)], t, x);
    if (trace) trace(c.name + ".block" + std::to_string(i), {S, d}, x.data);
    if (i == c.feature_block()) {
      for (int64_t r = 0; r < c.patches(); ++r) std::copy_n(x.row(c.prefix_tokens() + r), d, features.row(r));
    }
  }
}

}  // namespace cobra
