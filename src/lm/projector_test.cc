// All five projectors against the official ones.
#include "lm/projector.h"

#include <gtest/gtest.h>

#include "compare.h"
#include "formats/safetensors.h"
#include "reference.h"

namespace cobra {
namespace {

struct ProjectorCase {
  const char* name;
  ProjectorType type;
};

class ProjectorTest : public ::testing::TestWithParam<ProjectorCase> {
 protected:
  SafetensorsFile file{testing::reference("projector.safetensors")};
  std::string prefix = std::string(GetParam().name) + ".";

  const float* weights(const std::string& name) {
    const TensorEntry* tensor = file.find(prefix + "weights.projector." + name);
    return tensor ? reinterpret_cast<const float*>(tensor->bytes.data()) : nullptr;
  }
  int64_t rows(const std::string& name) { return file.find(prefix + "weights.projector." + name)->shape[0]; }

  ProjectorWeights bind() {
    ProjectorWeights w;
    const int layers = projector_layers(GetParam().type);
    int64_t in = file.find(prefix + "input")->shape[2];
    for (int i = 0; i < layers; ++i) {
      const std::string p = layers == 1 ? "" : std::to_string(2 * i) + ".";
      w.layers[static_cast<size_t>(i)] = {
          {DType::f32, rows(p + "weight"), in, reinterpret_cast<const std::byte*>(weights(p + "weight"))},
          weights(p + "bias")};
      in = rows(p + "weight");
    }
    w.peg_weight = weights("4.peg.0.weight");
    w.peg_bias = weights("4.peg.0.bias");
    return w;
  }

  void expect_output(const std::string& grid) {
    const TensorEntry* input = file.find(prefix + "input" + grid);
    if (!input) return;
    const std::vector<float> x = to_float32(*input, ""),
                             expected = to_float32(*file.find(prefix + "output" + grid), "");
    const int64_t batch = input->shape[0], P = input->shape[1], in = input->shape[2];
    Workspace workspace;
    const Kernels k(available_kernels().front(), 2, workspace, Phase::prefill);
    std::vector<float> actual;
    for (int64_t b = 0; b < batch; ++b) {
      const AlignedBuffer<float> y =
          project(k, {.type = GetParam().type}, bind(), {x.data() + b * P * in, P, in});
      actual.insert(actual.end(), y.data(), y.data() + y.size());
    }
    EXPECT_TRUE(testing::near(actual, expected, 2e-5)) << "grid " << grid;
  }
};

TEST_P(ProjectorTest, EqualsTheOfficialOne) {
  expect_output("");
  expect_output("_27x27");
  expect_output("_14x14");
}

INSTANTIATE_TEST_SUITE_P(Kinds, ProjectorTest,
                         ::testing::Values(ProjectorCase{"linear", ProjectorType::linear},
                                           ProjectorCase{"gelu-mlp", ProjectorType::gelu_mlp},
                                           ProjectorCase{"fused-gelu-mlp", ProjectorType::fused_gelu_mlp},
                                           ProjectorCase{"ldpnet", ProjectorType::ldpnet},
                                           ProjectorCase{"fused-ldpnet", ProjectorType::fused_ldpnet}));

}  // namespace
}  // namespace cobra
