// TokenizerData <-> the tokenizer.ggml.* metadata of a GGUF.
// Source: the GGUF specification (ggml's docs/gguf.md) and what llama.cpp's convert_hf_to_gguf.py writes for
// Mamba with GPT-NeoX's tokenizer: model "gpt2", pre "mpt" (whose split in llama.cpp is GPT-2's), added
// tokens as plain text.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/fail.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/vocabulary.h"

namespace cobra {
namespace {

enum GgmlTokenType : int64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

constexpr const char* kModel = "tokenizer.ggml.model";
constexpr const char* kNone = "none";  // a value of kModel
constexpr const char* kPre = "tokenizer.ggml.pre";
constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kTokenType = "tokenizer.ggml.token_type";
constexpr const char* kMerges = "tokenizer.ggml.merges";
constexpr const char* kEos = "tokenizer.ggml.eos_token_id";
constexpr const char* kNfc = "tokenizer.cobra.nfc";
constexpr const char* kAddPrefixSpace = "tokenizer.cobra.add_prefix_space";
constexpr const char* kNormalizedAdded = "tokenizer.cobra.normalized_added";

/// Names under which llama.cpp files GPT-2's split. Other names mean other splits, and so other ids.
constexpr std::array<std::string_view, 7> kGpt2Splits = {"default", "gpt-2", "gpt2", "gpt-neox",
                                                         "mpt",     "olmo",  "phi-2"};

std::string padding_token(size_t id) { return fmt::format("[PAD{}]", id); }
bool is_padding(const std::string& token, size_t id) {
  return token.starts_with("[PAD") && token == padding_token(id);
}

void check_kind(const GgufFile& file) {
  const std::string& model = file.text(kModel);
  check(model == "gpt2", "{}: {} must be 'gpt2' (byte-level BPE), found '{}'", file.path(), kModel,
        printable(model));
  const std::string pre = file.text(kPre, "default");
  check(std::find(kGpt2Splits.begin(), kGpt2Splits.end(), pre) != kGpt2Splits.end(),
        "{}: {} must be one of {} (GPT-2's split of words), found '{}'", file.path(), kPre,
        fmt::join(kGpt2Splits, ", "), printable(pre));
}

std::vector<int64_t> read_types(const GgufFile& file, size_t count) {
  if (!file.has(kTokenType)) return std::vector<int64_t>(count, kNormal);
  const std::vector<int64_t>& types = file.integers(kTokenType);
  check(types.size() == count, "{}: {} has {} entries, {} has {}", file.path(), kTokenType, types.size(),
        kTokens, count);
  for (size_t id = 0; id < count; ++id) {
    check(types[id] >= kNormal && types[id] <= kByte, "{}: {}[{}] must be 1 to 6, found {}", file.path(),
          kTokenType, id, types[id]);
  }
  return types;
}

bool is_added(int64_t type) { return type == kControl || type == kUserDefined || type == kUnknown; }

/// Older converters mark every token as normal. A token that no merge makes and that is longer than one byte
/// cannot come out of BPE, so it was an added one: runs of spaces, "<|...|>", the end of text.
void recover_added_types(const TokenizerData& data, std::vector<int64_t>& types) {
  if (std::any_of(types.begin(), types.end(), is_added)) return;
  std::set<std::string> made;
  for (const std::string& merge : data.merges) {
    std::string joined = merge;
    std::erase(joined, ' ');
    made.insert(std::move(joined));
  }
  for (size_t id = 0; id < types.size(); ++id) {
    const std::string& token = data.tokens[id];
    if (types[id] != kNormal || token.empty() || made.contains(token)) continue;
    const bool tagged = token.starts_with("<|") && token.ends_with("|>");
    const bool is_eos = static_cast<int32_t>(id) == data.eos_id && bytes_of_token(token).size() > 1;
    if (tagged || is_eos) {
      types[id] = kControl;
    } else if (!is_byte_spelling(token)) {
      types[id] = kUserDefined;
    }
  }
}

int32_t read_eos(const GgufFile& file, size_t token_count) {
  const int64_t eos = file.integer(kEos, 0);
  check(eos >= 0 && eos < static_cast<int64_t>(token_count), "{}: {} must be in [0, {}), found {}",
        file.path(), kEos, token_count, eos);
  return static_cast<int32_t>(eos);
}

void read_added(const GgufFile& file, const std::vector<int64_t>& types, TokenizerData& data) {
  std::vector<int64_t> normalized;
  if (file.has(kNormalizedAdded)) normalized = file.integers(kNormalizedAdded);
  std::sort(normalized.begin(), normalized.end());
  for (size_t id = 0; id < types.size(); ++id) {
    if (data.tokens[id].empty() || !is_added(types[id])) continue;
    const bool special = types[id] != kUserDefined;
    const bool is_listed = std::binary_search(normalized.begin(), normalized.end(), static_cast<int64_t>(id));
    data.added.push_back({.id = static_cast<int32_t>(id),
                          .content = data.tokens[id],
                          .special = special,
                          .normalized = file.has(kNormalizedAdded) ? is_listed : !special});
  }
}

}  // namespace

bool TokenizerData::in_gguf(const GgufFile& file) {
  const std::string model = file.text(kModel, kNone);
  return model != kNone && model != "no_vocab";
}

void TokenizerData::none_to_gguf(GgufWriter& writer) { writer.set(kModel, std::string(kNone)); }

TokenizerData TokenizerData::from_gguf(const GgufFile& file) {
  check_kind(file);
  TokenizerData data;
  data.source = file.path();
  data.tokens = file.texts(kTokens);
  data.merges = file.texts(kMerges);
  data.nfc = file.boolean(kNfc, true);
  data.add_prefix_space = file.boolean(kAddPrefixSpace, false);
  data.eos_id = read_eos(file, data.tokens.size());

  std::vector<int64_t> types = read_types(file, data.tokens.size());
  for (size_t id = 0; id < types.size(); ++id) {
    // Converters have written padding with several types; its text must never be shown.
    if (types[id] == kUnused || is_padding(data.tokens[id], id)) data.tokens[id].clear();
  }
  recover_added_types(data, types);
  read_added(file, types, data);
  return data;
}

void TokenizerData::to_gguf(GgufWriter& writer, int64_t padded_size) const {
  const auto count = static_cast<int64_t>(tokens.size());
  check(padded_size >= count && padded_size <= kMaxTokens, "{}: {} tokens do not fit a vocabulary of {}",
        source, count, padded_size);
  std::vector<std::string> texts = tokens;
  texts.resize(static_cast<size_t>(padded_size));
  std::vector<int64_t> types(texts.size(), kNormal);
  for (size_t id = 0; id < texts.size(); ++id) {
    if (!texts[id].empty()) continue;
    texts[id] = padding_token(id);
    types[id] = kUnused;
  }
  std::vector<int64_t> normalized;
  int64_t padding_id = eos_id;
  for (const AddedToken& token : added) {
    check(token.id >= 0 && token.id < count, "{}: added token {} is not in [0, {})", source, token.id, count);
    types[static_cast<size_t>(token.id)] = token.special ? kControl : kUserDefined;
    if (token.normalized) normalized.push_back(token.id);
    if (token.content == "<|padding|>") padding_id = token.id;
  }

  writer.set(kModel, std::string("gpt2"));
  writer.set(kPre, std::string("mpt"));
  writer.set(kTokens, std::move(texts));
  writer.set(kTokenType, std::move(types));
  writer.set(kMerges, merges);
  writer.set("tokenizer.ggml.bos_token_id", int64_t{eos_id});
  writer.set(kEos, int64_t{eos_id});
  writer.set("tokenizer.ggml.unknown_token_id", int64_t{eos_id});
  writer.set("tokenizer.ggml.padding_token_id", padding_id);
  writer.set("tokenizer.ggml.add_bos_token", false);
  writer.set(kNfc, nfc);
  writer.set(kAddPrefixSpace, add_prefix_space);
  writer.set(kNormalizedAdded, std::move(normalized));
}

}  // namespace cobra
