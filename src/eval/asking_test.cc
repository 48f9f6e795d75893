// Tests of asking.h; its answers are tested from outside (tests/cli/eval_run_test.py).
#include "eval/asking.h"

#include <gmock/gmock.h>

#include <limits>

#include "model/init.h"
#include "model/model_test_files.h"

namespace cobra::eval {
namespace {

TEST(Asking, DamagedWeightsAreNamed) {
  const testing::TemporaryFolder folder;
  InitOptions options;
  options.preset = "tiny";
  options.type = DType::f32;  // the embedding is the output head too: one value is of one logit
  options.output = folder.file("whole.gguf");
  init_model(options);
  const std::string path = testing::gguf_with(options.output, folder.file("hurt.gguf"), "token_embd.weight",
                                              0, std::numeric_limits<float>::quiet_NaN());
  const Model model = Model::load(path, Runtime());
  for (const std::vector<std::string>& answers : {std::vector<std::string>{}, {"a", "b"}}) {
    Asking asking(model, answers, 2, [](const AskId&, const Json&) { ADD_FAILURE() << "an answer"; });
    const std::string error = testing::error_of([&] {
      asking.add({0, 0}, "What?", Session(model));
      asking.finish();
    });
    EXPECT_THAT(error, ::testing::StartsWith(path + ": the logit of token 0 is "));  // nan or -nan
    EXPECT_THAT(error, ::testing::EndsWith("nan: the model's weights are damaged"));
  }
}

}  // namespace
}  // namespace cobra::eval
