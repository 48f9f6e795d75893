// Tests of loading a model: what is packed later is looked for at once.
#include "cobra/model.h"

#include <gmock/gmock.h>

#include "model/init.h"
#include "model/model_test_files.h"

namespace cobra {
namespace {

using ModelTest = testing::ModelFileTest;

TEST_F(ModelTest, AFileThatLacksATensorIsRefusedAtOnce) {
  InitOptions options;
  options.preset = "tiny";
  options.output = path("whole.gguf");
  init_model(options);
  for (const char* gone :
       {"blk.0.ssm_d", "projector.0.weight", "projector.4.bias", "dino.blk.1.qkv.weight"}) {
    const std::string file = testing::gguf_without(options.output, path("cut.gguf"), gone);
    EXPECT_THAT(testing::error_of([&] { Model::load(file, Runtime()); }),
                ::testing::HasSubstr(fmt::format("cut.gguf: tensor '{}' is missing", gone)));
  }
}

}  // namespace
}  // namespace cobra
