// cobra tokenize: text to token ids and back.
// With --json it is a filter for programs: one JSON value per line in, one per line out.
#include <limits>
#include <memory>
#include <optional>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/prompts.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

// A text of the tokenizer's limit (16 MiB) with every byte escaped as \u00XX.
constexpr size_t kMaxLineBytes = size_t{6} * (16 << 20) + 2;
constexpr int64_t kIdLimit = int64_t{1} + std::numeric_limits<int32_t>::max();

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra tokenize -m cobra.gguf \"What is this?\"\n"
    "  echo '\"What is this?\"' | cobra tokenize -m cobra.gguf --json\n"
    "  echo '[1276, 310, 436, 32]' | cobra tokenize -m cobra.gguf --json --decode\n"
    "Special tokens are kept when decoding unless --skip-special or --answer is given.";

struct TokenizeFlags {
  std::string model;
  std::string tokenizer;
  std::optional<std::string> text;
  bool json = false;
  bool decode = false;
  bool skip_special = false;
  bool answer = false;
};

TokenizerData tokenizer_data(const TokenizeFlags& flags) {
  if (flags.model.empty() == flags.tokenizer.empty()) throw UsageError("one of -m and --tokenizer is needed");
  if (!flags.tokenizer.empty()) return TokenizerData::from_json(flags.tokenizer);
  const GgufFile file(flags.model);
  check(TokenizerData::in_gguf(file), "{}: the model has no tokenizer", flags.model);
  return TokenizerData::from_gguf(file);
}

std::string decode(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, const TokenizeFlags& flags) {
  return flags.answer ? tokenizer.decode_answer(ids) : tokenizer.decode(ids, flags.skip_special);
}

std::vector<int32_t> ids_from_json(const Json& value, const std::string& place) {
  check(value.is_array(), "{}: expected an array of ids", place);
  std::vector<int32_t> ids;
  ids.reserve(value.size());
  for (const Json& item : value) {
    check(item.is_number_unsigned() && item.get<uint64_t>() < static_cast<uint64_t>(kIdLimit),
          "{}: expected ids from 0 to {}, found {}", place, kIdLimit - 1, printable(item.dump(), 40));
    ids.push_back(item.get<int32_t>());
  }
  return ids;
}

Json convert_json(const Tokenizer& tokenizer, const Json& value, const TokenizeFlags& flags,
                  const std::string& place) {
  if (flags.decode) return decode(tokenizer, ids_from_json(value, place), flags);
  check(value.is_string(), "{}: expected a JSON string", place);
  return tokenizer.encode(value.get_ref<const std::string&>());
}

void filter_lines(const Tokenizer& tokenizer, const TokenizeFlags& flags) {
  LineSource lines(stdin, kMaxLineBytes);
  std::string line;
  while (lines.next(line)) {
    const std::string place = lines.place();
    print(json_line(convert_json(tokenizer, parse_json(line, place), flags, place)));
  }
}

/// For people: one token to a line, its id and its bytes in quotes.
void print_tokens(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  for (const int32_t id : ids) {
    const std::string bytes = printable(tokenizer.token_bytes(id), /*max_bytes=*/1000);
    print(fmt::format("{}\t\"{}\"\n", id, replace_invalid_utf8(bytes)));
  }
}

void convert_text(const Tokenizer& tokenizer, const TokenizeFlags& flags) {
  if (flags.decode) {
    const std::string text = decode(tokenizer, parse_ids(*flags.text, kIdLimit, "the ids"), flags);
    print(flags.json ? json_line(Json(text)) : text + "\n");
    return;
  }
  const std::vector<int32_t> ids = tokenizer.encode(*flags.text);
  if (flags.json) return print(json_line(Json(ids)));
  print_tokens(tokenizer, ids);
}

void tokenize(const TokenizeFlags& flags) {
  if (!flags.text && !flags.json)
    throw UsageError("a text is needed, or --json to read JSON lines from standard input");
  if (!flags.decode && (flags.skip_special || flags.answer)) {
    throw UsageError("--skip-special and --answer go with --decode");
  }
  const Tokenizer tokenizer(tokenizer_data(flags));
  if (flags.text) {
    convert_text(tokenizer, flags);
  } else {
    filter_lines(tokenizer, flags);
  }
}

}  // namespace

void add_tokenize_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("tokenize", "Turn text into token ids, and ids into text");
  const auto flags = std::make_shared<TokenizeFlags>();
  command->add_option("-m,--model", flags->model, "Model file (GGUF) whose tokenizer to use")
      ->type_name("FILE");
  command->add_option("--tokenizer", flags->tokenizer, "tokenizer.json to use instead")->type_name("FILE");
  command->add_option("text", flags->text, "Text, or with --decode ids as 1,2,3")->type_name("TEXT");
  command->add_flag("--json", flags->json,
                    "JSON lines: a string in and an array of ids out (--decode: the reverse)");
  command->add_flag("--decode", flags->decode, "Ids to text");
  command->add_flag("--skip-special", flags->skip_special, "Leave special tokens out of the text");
  command->add_flag("--answer", flags->answer,
                    "Decode as the official code shows answers: cleaned up and stripped");
  command->footer(kExamples);
  command->callback([flags] { tokenize(*flags); });
}

}  // namespace cobra
