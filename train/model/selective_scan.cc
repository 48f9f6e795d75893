#include "train/model/selective_scan.h"

#include "kernels/mamba_training.h"
#include "train/model/kernel_views.h"
#include "train/step/profile.h"

namespace cobra::train {
namespace {

/// In the order in which they pass through autograd.
enum Input { kX, kDt, kA, kB, kC, kD, kZ, kDtBias, kInputs };

ScanOperands operands(const variable_list& in) {
  return {.batch = in[kX].size(0),
          .L = in[kX].size(1),
          .x = row_view(in[kX]),
          .dt = row_view(in[kDt]),
          .z = row_view(in[kZ]),
          .B = row_view(in[kB]),
          .C = row_view(in[kC]),
          .A = in[kA].data_ptr<float>(),
          .D = in[kD].data_ptr<float>(),
          .dt_bias = in[kDtBias].data_ptr<float>()};
}

/// Layouts that the kernels take: B and C, slices of one product, must have the same stride.
variable_list arranged(variable_list in) {
  for (const Input i : {kX, kDt, kB, kC, kZ}) in[i] = with_rows(in[i]);
  for (const Input i : {kA, kD, kDtBias}) in[i] = in[i].contiguous();
  if (in[kB].stride(1) != in[kC].stride(1)) {
    in[kB] = in[kB].contiguous();
    in[kC] = in[kC].contiguous();
  }
  return in;
}

struct ScanFunction : torch::autograd::Function<ScanFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& dt, const Tensor& A,
                        const Tensor& B, const Tensor& C, const Tensor& D, const Tensor& z,
                        const Tensor& dt_bias) {
    const SectionTimer timer(Section::scan);
    variable_list saved = arranged({x, dt, A, B, C, D, z, dt_bias});
    const ScanOperands in = operands(saved);
    const Tensor checkpoints = torch::empty({scan_checkpoint_size(in)}, x.options());
    const Tensor y = torch::empty(x.sizes(), x.options());
    selective_scan_forward(kernel_table(), at::get_num_threads(), in, nullptr, checkpoints.data_ptr<float>(),
                           row_view(y));
    saved.push_back(checkpoints);
    context->save_for_backward(saved);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const SectionTimer timer(Section::scan);
    const variable_list saved = context->get_saved_variables();
    const Tensor dy = with_rows(gradients[0]);
    variable_list d;
    for (int i = 0; i < kInputs; ++i)
      d.push_back(torch::empty(saved[static_cast<size_t>(i)].sizes(), dy.options()));
    const ScanGradients out{.x = row_view(d[kX]),
                            .dt = row_view(d[kDt]),
                            .z = row_view(d[kZ]),
                            .B = row_view(d[kB]),
                            .C = row_view(d[kC]),
                            .A = d[kA].data_ptr<float>(),
                            .D = d[kD].data_ptr<float>(),
                            .dt_bias = d[kDtBias].data_ptr<float>()};
    selective_scan_backward(kernel_table(), at::get_num_threads(), operands(saved),
                            saved[kInputs].data_ptr<float>(), row_view(dy), out);
    return d;
  }
};

}  // namespace

Tensor plain_selective_scan(const ScanInputs& in) {
  const int64_t L = in.x.size(1);
  const Tensor dt = torch::softplus(in.dt + in.dt_bias), dt_x = dt * in.x;
  Tensor h = torch::zeros({in.x.size(0), in.x.size(2), in.A.size(1)}, in.x.options());
  std::vector<Tensor> y;
  for (int64_t t = 0; t < L; ++t) {
    const Tensor decay = torch::exp(dt.select(1, t).unsqueeze(-1) * in.A);             // [B, d_inner, N]
    h = decay * h + dt_x.select(1, t).unsqueeze(-1) * in.B.select(1, t).unsqueeze(1);  // [B, d_inner, N]
    y.push_back(torch::matmul(h, in.C.select(1, t).unsqueeze(-1)).squeeze(-1));        // [B, d_inner]
  }
  return (torch::stack(y, 1) + in.x * in.D) * torch::silu(in.z);
}

Tensor selective_scan(const ScanInputs& in) {
  if (!has_kernels(in.x)) return plain_selective_scan(in);
  return ScanFunction::apply(in.x, in.dt, in.A, in.B, in.C, in.D, in.z, in.dt_bias);
}

}  // namespace cobra::train
