// Replays the fuzzer's seeds and past failures (fuzz/corpus/eval): Error or success, nothing else.
#include <gmock/gmock.h>

#include <map>

#include "eval_case.h"
#include "test_support.h"

namespace cobra::eval {
namespace {

using ::testing::HasSubstr;

TEST(EvalCorpus, IsReadOrRefused) {
  std::map<std::string, std::string> errors;
  for (const auto& seed : std::filesystem::directory_iterator(COBRA_SOURCE_DIR "/fuzz/corpus/eval")) {
    const std::string text = cobra::testing::file_bytes(seed.path());
    const cobra::testing::TemporaryFolder files;
    errors[seed.path().filename()] =
        cobra::testing::error_of([&] { cobra::testing::use_eval_case(text, files); });
  }
  for (const Benchmark* benchmark : benchmarks()) EXPECT_EQ(errors.at(benchmark->info().family), "");
  for (const char* good : {"log", "box", "box_of_signs"}) EXPECT_EQ(errors.at(good), "");
  EXPECT_THAT(errors.at("log_twice"), HasSubstr("is answered twice"));
  EXPECT_THAT(errors.at("log_shard"), HasSubstr("is no shard"));
  EXPECT_THAT(errors.at("log_deep"), HasSubstr("nested deeper"));
  EXPECT_THAT(errors.at("unknown_benchmark"), HasSubstr("gqa2"));
  EXPECT_THAT(errors.at("wrong_types"), HasSubstr("field 'question'"));
  EXPECT_THAT(errors.at("outside"), HasSubstr("must be a path below the data root"));
  EXPECT_THAT(errors.at("huge_numbers"), HasSubstr("not valid JSON"));
  EXPECT_THAT(errors.at("nested_box"), HasSubstr("bbox"));
  EXPECT_THAT(errors.at("probabilities"), HasSubstr("not valid JSON"));
  EXPECT_THAT(errors.at("invalid_utf8"), HasSubstr("ill-formed UTF-8"));
  EXPECT_THAT(errors.at("id_twice"), HasSubstr("appears twice"));
}

}  // namespace
}  // namespace cobra::eval
