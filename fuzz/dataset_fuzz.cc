// Fuzz target of the training data reader: the split into examples, the examples, their ids and labels.
#include <cstdlib>

#include "data/dataset.h"
#include "data/tokenize.h"
#include "fuzz_file.h"

namespace {

using cobra::data::Example;
using cobra::data::ExampleFile;
using cobra::data::Stage;

/// What was accepted once is accepted in its own JSON form, and gives labels beside ids.
void check_example(const Example& example, const cobra::Tokenizer& tokenizer, Stage stage) {
  const Example again = cobra::data::parse_example_text(cobra::data::example_json(example).dump(), "again");
  if (again.id != example.id || again.picture != example.picture) std::abort();
  const auto tokens = cobra::data::tokenize(example, tokenizer, {.stage = stage, .max_length = 100});
  const auto same = cobra::data::tokenize(again, tokenizer, {.stage = stage, .max_length = 100});
  if (tokens.labels.size() != tokens.input_ids.size() || tokens.labels.size() > 100) std::abort();
  if (same.input_ids != tokens.input_ids || same.labels != tokens.labels) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const cobra::Tokenizer tokenizer(cobra::TokenizerData::byte_level());
  for (const Stage stage : {Stage::align, Stage::finetune}) {
    cobra::fuzz::run(data, size, [&](const std::string& path) {
      const ExampleFile file(path, {.stage = stage});
      for (int64_t i = 0; i < file.size(); ++i) {
        if (file.name(i).empty()) std::abort();
        check_example(file.example(i), tokenizer, stage);
      }
      if (file.modality_lengths(729).size() != static_cast<size_t>(file.size())) std::abort();
    });
  }
  return 0;
}
