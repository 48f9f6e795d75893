#include "train/model/bf16_linear.h"

namespace cobra::train {
namespace {

/// a [M, K] b [K, N] in bfloat16 -> float32.
Tensor product(const Tensor& a, const Tensor& b) { return a.mm(b).to(torch::kFloat32); }

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
