#include "train/model/causal_conv1d.h"

#include "kernels/mamba_training.h"
#include "train/model/kernel_views.h"
#include "train/step/profile.h"

namespace cobra::train {
namespace {

ConvOperands operands(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return {.batch = x.size(0),
          .L = x.size(1),
          .taps = static_cast<int>(weight.size(2)),
          .x = row_view(x),
          .weight = weight.data_ptr<float>(),
          .bias = bias.data_ptr<float>()};
}

struct ConvFunction : torch::autograd::Function<ConvFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const SectionTimer timer(Section::convolution);
    const variable_list saved{with_rows(x), weight.contiguous(), bias.contiguous()};
    const Tensor y = torch::empty(x.sizes(), x.options());
    causal_conv1d_silu_forward(kernel_table(), at::get_num_threads(), operands(saved[0], saved[1], saved[2]),
                               row_view(y));
    context->save_for_backward(saved);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const SectionTimer timer(Section::convolution);
    const variable_list saved = context->get_saved_variables();
    const Tensor dy = with_rows(gradients[0]);
    const Tensor dx = torch::empty(saved[0].sizes(), dy.options()), dweight = torch::empty_like(saved[1]),
                 dbias = torch::empty_like(saved[2]);
    causal_conv1d_silu_backward(kernel_table(), at::get_num_threads(), operands(saved[0], saved[1], saved[2]),
                                row_view(dy),
                                {row_view(dx), dweight.data_ptr<float>(), dbias.data_ptr<float>()});
    return {dx, dweight, dbias};
  }
};

}  // namespace

Tensor plain_causal_conv1d_silu(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const int64_t L = x.size(1), taps = weight.size(2);
  const Tensor padded = torch::constant_pad_nd(x, {0, 0, taps - 1, 0});
  Tensor y = bias;
  for (int64_t j = 0; j < taps; ++j) y = y + padded.narrow(1, j, L) * weight.select(2, j).squeeze(1);
  return torch::silu(y);
}

Tensor causal_conv1d_silu(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!has_kernels(x) || weight.size(2) > kMaxConvTaps) return plain_causal_conv1d_silu(x, weight, bias);
  return ConvFunction::apply(x, weight, bias);
}

}  // namespace cobra::train
