// Tests of convert, quantize, inspect and init as commands: exit codes, what goes to stdout and what to
// stderr.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/inspect_report.h"
#include "cli/output_model.h"
#include "formats/json.h"
#include "reference.h"

namespace cobra {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::reference;
using ::testing::StartsWith;

struct Outcome {
  int exit_code = 0;
  std::string out, err;
};

Outcome run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "cobra");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit_code = run_program(static_cast<int>(argv.size()), argv.data());
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

class ModelCommands : public ::testing::Test {
 protected:
  ModelCommands() { std::filesystem::create_directories(folder_); }
  ~ModelCommands() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Outcome convert(const std::string& output) const {
    return run({"convert", "--run", reference("checkpoint"), "--dino",
                reference("checkpoint/dino.safetensors"), "--siglip",
                reference("checkpoint/siglip.safetensors"), "--dims", reference("dims.json"), "--type", "f32",
                "-o", output});
  }
  static Json inspect(const std::string& file) {
    const Outcome outcome = run({"inspect", file, "--json", "--tensors"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out, "inspect");
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / fmt::format("cobra_model_commands_{}", ::getpid());
};

TEST_F(ModelCommands, ConvertQuantizeInspect) {
  const Outcome converted = convert(path("a.gguf"));
  EXPECT_EQ(converted.exit_code, 0);
  EXPECT_EQ(converted.out, "");
  EXPECT_THAT(converted.err, AllOf(StartsWith("wrote "), HasSubstr("a.gguf (f32, ")));
  EXPECT_EQ(run({"quantize", path("a.gguf"), "--type", "q8_0", "-o", path("b.gguf")}).exit_code, 0);

  const Json before = inspect(path("a.gguf")), after = inspect(path("b.gguf"));
  EXPECT_EQ(before["configuration"], after["configuration"]);
  EXPECT_EQ(before["total"]["parameters"], after["total"]["parameters"]);
  EXPECT_GT(before["decode_bytes_per_token"].get<int64_t>(),
            2 * after["decode_bytes_per_token"].get<int64_t>());
  EXPECT_TRUE(after["types"].contains("q8_0"));
  EXPECT_TRUE(after["tokenizer"].is_null());
  EXPECT_EQ(after["tensors"].size(), after["total"]["tensors"].get<size_t>());
  EXPECT_EQ(after["configuration"]["mamba"]["norm_epsilon"], 1e-5);
  EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(path("b.gguf"))),
            after["file_bytes"].get<int64_t>());
}

TEST_F(ModelCommands, PartsAddUp) {
  ASSERT_EQ(run({"init", "--preset", "tiny", "-o", path("t.gguf")}).exit_code, 0);
  const Json report = inspect(path("t.gguf"));
  for (const char* group : {"parts", "types"}) {
    int64_t bytes = 0;
    for (const auto& [name, size] : report[group].items()) bytes += size["bytes"].get<int64_t>();
    EXPECT_EQ(bytes, report["total"]["bytes"].get<int64_t>()) << group;
  }
  EXPECT_EQ(report["parts"].size(), 4U);
  EXPECT_EQ(report["tokenizer"]["tokens"], 258);
  EXPECT_EQ(report["decode_bytes_per_token"], report["parts"]["language_model"]["bytes"]);
  const Outcome text = run({"inspect", path("t.gguf")});
  EXPECT_THAT(text.out,
              AllOf(HasSubstr("d_model 256"), HasSubstr("fused-gelu-mlp: 160 -> 640 -> 256; 36 image tokens"),
                    HasSubstr("258 tokens")));
  EXPECT_EQ(text.err, "");
}

TEST_F(ModelCommands, InspectListsTheTensorsOfWeights) {
  const Outcome safetensors = run({"inspect", reference("checkpoint/dino.safetensors")});
  EXPECT_THAT(safetensors.out, AllOf(HasSubstr("blocks.3.ls2.gamma"), HasSubstr("[48,3,14,14]")));
  const Json torch = inspect(reference("checkpoint/checkpoints/latest-checkpoint-bf16.pt"));
  EXPECT_EQ(torch["tensors"][0]["type"], "bf16");
}

TEST_F(ModelCommands, ErrorsAreOneLineAndLeaveNoFile) {
  const Outcome missing = run({"convert", "--run", path("nowhere"), "--type", "f32", "-o", path("m.gguf")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, AllOf(StartsWith("cobra: "), HasSubstr("nowhere/config.json")));
  EXPECT_EQ(std::count(missing.err.begin(), missing.err.end(), '\n'), 1);
  EXPECT_EQ(run({"convert", "--run", path("nowhere"), "--type", "f33", "-o", path("m.gguf")}).exit_code, 2);
  EXPECT_EQ(run({"convert", "--run", path("nowhere"), "--type", "f32"}).exit_code, 2);
  EXPECT_EQ(run({"quantize", path("nowhere.gguf"), "--type", "q8_0", "-o", path("m.gguf")}).exit_code, 1);
  EXPECT_EQ(run({"init", "--preset", "huge", "-o", path("m.gguf")}).exit_code, 2);
  EXPECT_EQ(run({"inspect", path("nowhere.gguf")}).exit_code, 1);
  std::ofstream(path("half.gguf")) << "GGUF";
  EXPECT_THAT(run({"inspect", path("half.gguf")}).err, HasSubstr("half.gguf"));
  EXPECT_FALSE(std::filesystem::exists(path("m.gguf")));
}

TEST(HumanBytes, DecimalUnits) {
  EXPECT_EQ(human_bytes(0), "0 bytes");
  EXPECT_EQ(human_bytes(1000), "1.0 kB");
  EXPECT_EQ(human_bytes(3'810'000'000), "3.81 GB");
}

}  // namespace
}  // namespace cobra
