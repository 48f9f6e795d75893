#include "train/model/recompute.h"

namespace cobra::train {
namespace {

using Body = std::function<Tensor(const Tensor&)>;

/// Carries a C++ function to the backward pass.
struct Holder : torch::CustomClassHolder {
  explicit Holder(Body f) : body(std::move(f)) {}
  Body body;
};

struct Recompute : torch::autograd::Function<Recompute> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Body& f) {
    context->save_for_backward({x});
    context->saved_data["f"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(f));
    return f(x);  // a custom function's forward records no gradients
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Tensor x = context->get_saved_variables()[0].detach().requires_grad_();
    const auto holder = c10::static_intrusive_pointer_cast<Holder>(context->saved_data["f"].toCapsule());
    const AutoGradMode record(true);
    const Tensor y = holder->body(x);
    torch::autograd::backward({y}, {gradients[0]});
    return {x.grad(), Tensor()};
  }
};

}  // namespace

Tensor recompute(const Body& f, const Tensor& x) {
  if (!torch::GradMode::is_enabled() || !x.requires_grad()) return f(x);
  return Recompute::apply(x, f);
}

}  // namespace cobra::train
