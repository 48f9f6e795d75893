#include "train/model/bf16_linear.h"

#include "kernels/gemm_onednn.h"
#include "train/step/profile.h"

namespace cobra::train {
namespace {

/// Whether rows are adjacent, or else columns.
bool is_transposed(const Tensor& m) { return m.stride(1) != 1; }
int64_t leading(const Tensor& m) { return m.stride(is_transposed(m) ? 1 : 0); }

const BFloat16* bits(const Tensor& m) {
  return reinterpret_cast<const BFloat16*>(m.data_ptr<torch::BFloat16>());
}

/// a [M, K] b [K, N] in bfloat16, each contiguous or the transpose of something contiguous -> float32. oneDNN
/// gives the float32 sums as they are; libtorch would round them to bfloat16 first, which its widening then
/// takes longer than the product.
Tensor product(const Tensor& a, const Tensor& b) {
  const SectionTimer timer(Section::products);
  if (Profile* profile = Profile::current()) {
    profile->product_operations += 2.0 * static_cast<double>(a.size(0) * a.size(1) * b.size(1));
  }
  if (!a.device().is_cpu()) return a.mm(b).to(torch::kFloat32);
  // What libtorch has for bfloat16 on processors without such products sums in bfloat16.
  if (!onednn_has_fast_bf16()) return a.to(torch::kFloat32).mm(b.to(torch::kFloat32));
  const Gemm shape{a.size(0), b.size(1), a.size(1), leading(a), leading(b), b.size(1), is_transposed(b)};
  const Tensor c = torch::empty({shape.M, shape.N}, a.options().dtype(torch::kFloat32));
  onednn_product_bf16(shape, is_transposed(a), at::get_num_threads(), bits(a), bits(b), c.data_ptr<float>());
  return c;
}

Tensor rows(const Tensor& x) { return x.reshape({-1, x.size(-1)}); }

struct Bf16Linear : torch::autograd::Function<Bf16Linear> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight) {
    const Tensor x16 = rows(x).to(torch::kBFloat16), w16 = weight.to(torch::kBFloat16);
    context->save_for_backward({x16, w16});
    std::vector<int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    return product(x16, w16.t()).view(shape);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor dy = rows(gradients[0]).to(torch::kBFloat16);
    Tensor dx, dw;
    if (context->needs_input_grad(0)) {
      std::vector<int64_t> shape = gradients[0].sizes().vec();
      shape.back() = saved[1].size(1);
      dx = product(dy, saved[1]).view(shape);
    }
    if (context->needs_input_grad(1)) dw = product(dy.t(), saved[0]);
    return {dx, dw};
  }
};

}  // namespace

Tensor bf16_linear(const Tensor& x, const Tensor& weight) { return Bf16Linear::apply(x, weight); }

}  // namespace cobra::train
