// cobra data tokenizer: a byte-level BPE vocabulary for a training file.
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "cli/data_command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "data/dataset.h"
#include "tokenizer/bpe_training.h"
#include "tokenizer/prompt.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Example:\n"
    "  cobra data tokenizer train.json --vocab-size 1024 -o tokenizer.json\n"
    "  cobra init --preset cobra-tiny --type f32 --tokenizer tokenizer.json -o untrained.gguf\n"
    "The marks of the prompt template, <|user|> and <|assistant|>, become one token each.";

struct TokenizerFlags {
  std::string file, output;
  int64_t vocab_size = 1024;
};

void run_tokenizer(const TokenizerFlags& flags) {
  check_output_differs(flags.output, flags.file);
  AtomicFile file(flags.output);  // first: what cannot be written is told before the work
  ProgressLine progress("reading");
  data::DatasetOptions options;
  options.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  const data::ExampleFile examples(flags.file, options);
  BpeTraining training({"<|endoftext|>", "<|padding|>", "<|user|>", "<|assistant|>"});
  for (int64_t i = 0; i < examples.size(); ++i) {
    PromptBuilder prompt(PromptTemplate::zephyr);
    for (const data::Turn& turn : examples.example(i).turns) {
      training.add(turn.is_human ? prompt.add_user(turn.text) : prompt.add_answer(turn.text));
    }
    progress.update(i + 1, examples.size());
  }
  const TokenizerData tokenizer = training.finish(flags.vocab_size);
  progress.finish();
  file.write(tokenizer_json(tokenizer).dump(1) + "\n");
  file.commit();
  say(fmt::format("wrote {}: {} tokens\n", printable(flags.output, 1000), tokenizer.tokens.size()));
}

}  // namespace

void add_data_tokenizer_command(CLI::App& data) {
  CLI::App* command = data.add_subcommand("tokenizer", "A byte-level BPE vocabulary for a training file");
  const auto flags = std::make_shared<TokenizerFlags>();
  command->add_option("file", flags->file, "Conversations in LLaVA's format")
      ->required()
      ->type_name("DATA.json");
  add_integer(*command, "--vocab-size", flags->vocab_size, 247, 1'000'000,
              "Tokens at most; 1024 if not given");
  command->add_option("-o,--output", flags->output, "tokenizer.json to write")->required()->type_name("FILE");
  command->footer(kExamples);
  command->callback([flags] { run_tokenizer(*flags); });
}

}  // namespace cobra
