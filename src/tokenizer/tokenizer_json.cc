// Hugging Face tokenizer.json -> TokenizerData.
// Source: the fields that the tokenizers library writes. Left out: every model but byte-level BPE, dropout,
// affixes of subwords, added tokens that swallow neighbouring space, and post-processors that add tokens.
// "truncation" and "padding" are ignored, as transformers ignores them unless asked.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/fail.h"
#include "formats/json.h"
#include "tokenizer/vocabulary.h"

namespace cobra {
namespace {

constexpr int64_t kMaxFileBytes = 32 << 20;  // GPT-NeoX: 2 MB
constexpr std::string_view kEndOfText = "<|endoftext|>";

/// A value that knows where it stands, for errors. An absent field and null are the same.
class Field {
 public:
  Field(const Json& value, const std::string& file, std::string name)
      : value_(value.is_null() ? nullptr : &value), file_(&file), name_(std::move(name)) {}

  bool present() const { return value_ != nullptr; }
  const std::string& name() const { return name_; }

  Field operator[](const std::string& key) const {
    static const Json null;
    const Json& fields = object();
    const auto found = fields.find(key);
    return {found == fields.end() ? null : *found, *file_, name_.empty() ? key : name_ + "." + key};
  }
  Field operator[](size_t i) const { return {array()[i], *file_, fmt::format("{}[{}]", name_, i)}; }

  const Json& object() const { return require(present() && value_->is_object(), "an object"); }
  const Json& array() const { return require(present() && value_->is_array(), "an array"); }
  const std::string& text() const {
    return require(present() && value_->is_string(), "a string").get_ref<const std::string&>();
  }
  bool boolean(bool fallback) const {
    return present() ? require(value_->is_boolean(), "true or false").get<bool>() : fallback;
  }
  bool is_zero() const { return !present() || (value_->is_number() && value_->get<double>() == 0.0); }
  int32_t id() const {
    const Json& value = require(present() && value_->is_number_integer(), "an integer");
    // Unsigned numbers above int64_t's range read as negative, and are refused with those.
    const auto id = value.get<int64_t>();
    if (id < 0 || id >= kMaxTokens) wrong(fmt::format("an id in [0, {})", kMaxTokens));
    return static_cast<int32_t>(id);
  }

  [[noreturn]] void wrong(const std::string& expected) const {
    fail("{}: field '{}' must be {}, found {}", *file_, printable(name_), expected, found());
  }

 private:
  const Json* value_;
  const std::string* file_;
  std::string name_;

  const Json& require(bool ok, const char* expected) const {
    if (!ok) wrong(expected);
    return *value_;
  }
  std::string found() const {
    if (!present()) return "nothing";
    if (value_->is_string()) return fmt::format("\"{}\"", printable(value_->get_ref<const std::string&>()));
    if (value_->is_boolean() || value_->is_number()) return value_->dump();
    return value_->is_object() ? "an object" : "an array";
  }
};

/// The step itself, or the only member of a "Sequence" of steps; nullopt for none.
std::optional<Field> single_step(const Field& step, const std::string& members) {
  if (!step.present()) return std::nullopt;
  if (step["type"].text() != "Sequence") return step;
  const Field list = step[members];
  if (list.array().size() > 1) list.wrong("a sequence of one");
  if (list.array().empty()) return std::nullopt;
  return list[0];
}

void require_type(const Field& step, const std::string& type) {
  if (step["type"].text() != type) step["type"].wrong("\"" + type + "\" (nothing else is supported)");
}

void require_false(const Field& flag) {
  if (flag.boolean(false)) flag.wrong("false (true is not supported)");
}

void require_no_text(const Field& affix) {
  if (affix.present() && !affix.text().empty()) affix.wrong("empty (subword affixes are not supported)");
}

bool read_nfc(const Field& root) {
  const std::optional<Field> normalizer = single_step(root["normalizer"], "normalizers");
  if (normalizer) require_type(*normalizer, "NFC");
  return normalizer.has_value();
}

bool read_add_prefix_space(const Field& root) {
  const std::optional<Field> step = single_step(root["pre_tokenizer"], "pretokenizers");
  if (!step) root["pre_tokenizer"].wrong("of type \"ByteLevel\" (nothing else is supported)");
  require_type(*step, "ByteLevel");
  if (const Field use_regex = (*step)["use_regex"]; !use_regex.boolean(true)) use_regex.wrong("true");
  return (*step)["add_prefix_space"].boolean(true);  // the library's default
}

void check_decoder(const Field& root) {
  const std::optional<Field> decoder = single_step(root["decoder"], "decoders");
  if (!decoder) root["decoder"].wrong("of type \"ByteLevel\" (nothing else is supported)");
  require_type(*decoder, "ByteLevel");
}

/// A post-processor may only mark offsets; one that adds tokens (a BOS, say) would change every prompt.
void check_post_processor(const Field& root) {
  const std::optional<Field> step = single_step(root["post_processor"], "processors");
  if (!step || (*step)["type"].text() == "ByteLevel") return;
  require_type(*step, "TemplateProcessing");
  const Field single = (*step)["single"];
  for (size_t i = 0; i < single.array().size(); ++i) {
    if (single[i]["SpecialToken"].present())
      single[i].wrong("a sequence (added special tokens are not supported)");
  }
}

void check_model(const Field& model) {
  require_type(model, "BPE");
  if (const Field dropout = model["dropout"]; !dropout.is_zero()) dropout.wrong("null or 0");
  require_no_text(model["continuing_subword_prefix"]);
  require_no_text(model["end_of_word_suffix"]);
  require_false(model["ignore_merges"]);
}

/// Puts `token` at `id`, growing the list. An id that holds another token is an error of `field`.
void place_token(const Field& field, int32_t id, const std::string& token, TokenizerData& data) {
  if (token.empty()) field.wrong("the id of a token that is not empty");
  if (static_cast<size_t>(id) >= data.tokens.size()) data.tokens.resize(static_cast<size_t>(id) + 1);
  std::string& place = data.tokens[static_cast<size_t>(id)];
  if (!place.empty() && place != token)
    field.wrong(fmt::format("an id of its own, not that of '{}'", printable(place)));
  place = token;
}

void read_vocabulary(const Field& vocab, TokenizerData& data) {
  for (const auto& [token, id] : vocab.object().items()) {
    const Field field(id, data.source, vocab.name() + "." + token);
    place_token(field, field.id(), token, data);
  }
}

/// Merges are "a b", or ["a", "b"] since version 0.20 of the library.
void read_merges(const Field& merges, TokenizerData& data) {
  const size_t count = merges.array().size();
  data.merges.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const Json& merge = merges.array()[i];
    if (merge.is_string()) {
      data.merges.push_back(merge.get<std::string>());
      continue;
    }
    const Field pair = merges[i];
    if (pair.array().size() != 2) pair.wrong("two tokens");
    data.merges.push_back(pair[size_t{0}].text() + " " + pair[1].text());
  }
}

void read_added_tokens(const Field& list, TokenizerData& data) {
  if (!list.present()) return;
  for (size_t i = 0; i < list.array().size(); ++i) {
    const Field entry = list[i];
    for (const char* flag : {"single_word", "lstrip", "rstrip"}) require_false(entry[flag]);
    AddedToken token;
    token.id = entry["id"].id();
    token.content = entry["content"].text();
    token.special = entry["special"].boolean(false);
    token.normalized = entry["normalized"].boolean(!token.special);
    place_token(entry["id"], token.id, token.content, data);
    data.added.push_back(std::move(token));
  }
}

}  // namespace

TokenizerData TokenizerData::from_json(const std::string& path) {
  const Json document = read_json(path, kMaxFileBytes);
  const Field root(document, path, "");
  const Field model = root["model"];
  check_model(model);
  check_decoder(root);
  check_post_processor(root);

  TokenizerData data;
  data.source = path;
  data.nfc = read_nfc(root);
  data.add_prefix_space = read_add_prefix_space(root);
  read_vocabulary(model["vocab"], data);
  read_merges(model["merges"], data);
  read_added_tokens(root["added_tokens"], data);
  const auto eos = std::ranges::find(data.added, kEndOfText, &AddedToken::content);
  check(eos != data.added.end(), "{}: field 'added_tokens' has no '{}', the token that ends an answer", path,
        kEndOfText);
  data.eos_id = eos->id;
  return data;
}

}  // namespace cobra
