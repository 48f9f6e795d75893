// Sessions that read and step together: the same bits as each alone.
#include "cobra/session_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/reference_model.h"
#include "runtime/sampler.h"
#include "test_support.h"

namespace cobra::testing {
namespace {

const std::vector<std::vector<int32_t>> kPrompts = {
    {12, 240, 259, 108, 54}, {7}, {}, {45, 164, 98, 157, 177, 68, 246, 147, 241, 260, 3, 3, 9}, {1, 2}};

std::vector<Session> sessions_with_history(const Model& model) {
  std::vector<Session> sessions;
  for (int32_t i = 0; i < std::ssize(kPrompts); ++i) {
    sessions.emplace_back(model).read_tokens(std::vector<int32_t>(static_cast<size_t>(i) + 1, 20 + i));
  }
  return sessions;
}

std::vector<Session*> pointers(std::vector<Session>& sessions) {
  std::vector<Session*> all;
  for (Session& s : sessions) all.push_back(&s);
  return all;
}

std::vector<float> logits(const Session& s) { return {s.logits().begin(), s.logits().end()}; }

void expect_same(const Session& together, const Session& alone, const std::string& what) {
  EXPECT_EQ(logits(together), logits(alone)) << what;
  EXPECT_EQ(together.conv_state(), alone.conv_state()) << what;
  EXPECT_EQ(together.ssm_state(), alone.ssm_state()) << what;
  EXPECT_EQ(together.position(), alone.position()) << what;
}

class SessionBatchTest : public ::testing::TestWithParam<DType> {};

TEST_P(SessionBatchTest, SameBitsAsEachAlone) {
  for (const int threads : {1, 2}) {
    const Model model = reference_model(Runtime({.threads = threads}), GetParam());
    for (const int64_t chunk : {0, 1, 4}) {
      std::vector<Session> together = sessions_with_history(model), alone = sessions_with_history(model);
      const std::vector<Session*> batch = pointers(together);
      read_tokens(batch, kPrompts, chunk);
      for (size_t i = 0; i < alone.size(); ++i) {
        alone[i].read_tokens(kPrompts[i]);
        expect_same(together[i], alone[i], "prompt " + std::to_string(i));
      }
      for (int t = 0; t < 4; ++t) {
        std::vector<int32_t> ids;
        for (const Session& s : alone) ids.push_back(argmax(s.logits()));
        step(batch, ids);
        for (size_t i = 0; i < alone.size(); ++i) {
          alone[i].step(ids[i]);
          expect_same(together[i], alone[i], "step of " + std::to_string(i));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, SessionBatchTest,
                         ::testing::Values(DType::f32, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_k),
                         [](const auto& test) { return std::string(name(test.param)); });

TEST(SessionBatchErrors, NothingIsReadThen) {
  const Model model = reference_model(), other = reference_model();
  Session a(model), b(model), stranger(other);
  const std::vector<std::vector<int32_t>> two = {{1}, {1 << 20}};
  const std::vector<int32_t> ids = {1, 2};
  EXPECT_EQ(error_of([&] { step(std::vector<Session*>{&a}, ids); }),
            "batch: expected one input for each of 1 sessions, found 2");
  EXPECT_EQ(error_of([&] { step(std::vector<Session*>{&a, &a}, ids); }), "batch: session 1 stands in it twice");
  EXPECT_EQ(error_of([&] { step(std::vector<Session*>{&a, &stranger}, ids); }),
            "batch: session 1 belongs to another model");
  EXPECT_THAT(error_of([&] { read_tokens(std::vector<Session*>{&a, &b}, two); }),
              ::testing::HasSubstr("token id 1048576"));
  EXPECT_EQ(a.position(), 0);
}

}  // namespace
}  // namespace cobra::testing
