// The language model against the official code's values: hidden states, logits and recurrent states, read
// whole, in chunks and token by token.
#include <gtest/gtest.h>

#include "cobra/session.h"
#include "compare.h"
#include "engine/reference_model.h"

namespace cobra::testing {
namespace {

/// "use" bounds of the reference's README: logits (values up to 24) and states.
constexpr double kLogitBound = 5e-4, kStateBound = 1e-4;

/// Entry b of a state [n_layer, B, d_inner, depth] as [n_layer, d_inner, depth].
std::vector<float> state_of(const ReferenceTensors& file, const std::string& name, int64_t b) {
  const std::vector<int64_t>& shape = file.shape(name);
  const std::vector<float> all = file.floats(name);
  const int64_t size = shape[2] * shape[3];
  std::vector<float> out;
  for (int64_t layer = 0; layer < shape[0]; ++layer) {
    const auto first = all.begin() + (layer * shape[1] + b) * size;
    out.insert(out.end(), first, first + size);
  }
  return out;
}

void expect_states(const Session& session, const ReferenceTensors& file, const std::string& prefix,
                   int64_t b) {
  EXPECT_TRUE(near(session.conv_state(), state_of(file, prefix + "conv_state", b), kStateBound)) << prefix;
  EXPECT_TRUE(near(session.ssm_state(), state_of(file, prefix + "ssm_state", b), kStateBound)) << prefix;
}

class MambaParityTest : public ::testing::TestWithParam<std::string> {
 protected:
  Model model = reference_model(Runtime({.threads = 2, .isa = GetParam()}));
  ReferenceTensors file{"mamba.safetensors"};
  int64_t batch = file.shape("token_ids")[0];
};

TEST_P(MambaParityTest, EveryHiddenState) {
  for (int64_t b = 0; b < batch; ++b) {
    Recorder recorder;
    Session session(model);
    session.set_trace(recorder.sink());
    session.read_tokens(file.ids("token_ids", b));
    EXPECT_TRUE(near(recorder.values["token_embeddings"], file.floats("input_embeddings", b), 0));
    for (int i = 0; i < model.config().mamba.n_layer; ++i) {
      const std::string name = fmt::format("layer{}.hidden", i);
      EXPECT_TRUE(near(recorder.values[name], file.floats(name, b), kStateBound)) << name;
    }
    EXPECT_TRUE(near(recorder.values["norm_f"], file.floats("norm_f", b), kLogitBound));
    EXPECT_TRUE(near(recorder.values["logits"], file.floats("logits", b), kLogitBound));
    expect_states(session, file, "prefill.", b);
  }
}

TEST_P(MambaParityTest, TokenByTokenAndInChunks) {
  for (int64_t b = 0; b < batch; ++b) {
    const std::vector<int32_t> ids = file.ids("token_ids", b);
    Session stepped(model);
    for (const int32_t id : ids) stepped.step(id);
    expect_states(stepped, file, "step.", b);
    for (const int64_t chunk : {1, 2, 7, 64}) {
      Session session(model);
      session.read_tokens(ids, chunk);
      expect_states(session, file, "prefill.", b);
      EXPECT_TRUE(near(session.logits(), stepped.logits(), kLogitBound)) << "chunk " << chunk;
      EXPECT_EQ(session.position(), std::ssize(ids));
    }
  }
}

TEST_P(MambaParityTest, ShorterThanTheConvolution) {
  const std::vector<int32_t> ids = file.ids("token_ids", 0);
  for (int length = 1; length <= 5; ++length) {
    const std::string prefix = fmt::format("short{}.", length);
    Recorder recorder;
    Session session(model);
    session.set_trace(recorder.sink());
    session.read_tokens(std::span(ids).first(static_cast<size_t>(length)));
    EXPECT_TRUE(near(recorder.values["logits"], file.floats(prefix + "logits"), kLogitBound)) << length;
    expect_states(session, file, prefix, 0);
  }
}

TEST_P(MambaParityTest, ThreeHundredTokens) {
  const std::vector<int32_t> ids = file.ids("long.token_ids");
  Recorder recorder;
  Session session(model);
  session.set_trace(recorder.sink());
  session.read_tokens(ids);
  const std::vector<float>& logits = recorder.values["logits"];
  const std::vector<float> expected = file.floats("long.logits_from_200");
  EXPECT_TRUE(near(std::span(logits).last(expected.size()), expected, kLogitBound));
  expect_states(session, file, "long.", 0);
}

TEST_P(MambaParityTest, WeightsRoundedToBFloat16) {
  const Model rounded = Model::load(reference_gguf(DType::f32, "latest-checkpoint-bf16.pt"), model.runtime());
  for (int64_t b = 0; b < batch; ++b) {
    Recorder recorder;
    Session session(rounded);
    session.set_trace(recorder.sink());
    session.read_tokens(file.ids("token_ids", b));
    EXPECT_TRUE(near(recorder.values["logits"], file.floats("bf16_weights.logits", b), kLogitBound));
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, MambaParityTest, ::testing::ValuesIn(Runtime::available_isas()), IsaName());

}  // namespace
}  // namespace cobra::testing
