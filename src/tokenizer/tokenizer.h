// Byte-level BPE as GPT-NeoX uses it; ids identical to Hugging Face's tokenizers library.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"

namespace cobra {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;     // left out when decoding with skip_special
  bool normalized = false;  // matched after NFC; else on the raw text, before every normalised one
};

/// Everything a tokenizer is made of; what is stored in a GGUF.
struct TokenizerData {
  /// Token of each id in GPT-2's byte-to-unicode spelling ("Ġa"); added tokens as they are. Empty string:
  /// unused id.
  std::vector<std::string> tokens;
  std::vector<std::string> merges;  // "a b", in order of rank
  std::vector<AddedToken> added;
  bool nfc = true;
  bool add_prefix_space = false;
  int32_t eos_id = 0;
  std::string source = "tokenizer";  // the file it came from, named in errors

  /// Hugging Face tokenizer.json: model BPE, pre-tokenizer ByteLevel (alone or as the only member of a
  /// Sequence), normalizer NFC or none, decoder ByteLevel. Anything else is an Error that names the field,
  /// what is supported and what was found. eos is "<|endoftext|>", which must be among the added tokens.
  static TokenizerData from_json(const std::string& path);
  /// `tokenizer.ggml.*` of a GGUF, ours or llama.cpp's: model "gpt2", pre one that has GPT-2's split ("mpt",
  /// "olmo", ...), tokens, merges, token_type (3 control = special, 4 user-defined = normalised added token),
  /// eos_token_id; `tokenizer.cobra.nfc`, `tokenizer.cobra.add_prefix_space` and
  /// `tokenizer.cobra.normalized_added` (ids) if there.
  static TokenizerData from_gguf(const GgufFile& file);
  /// Whether the file has a tokenizer: neither no `tokenizer.ggml.model` nor "none" or "no_vocab",
  /// llama.cpp's words.
  static bool in_gguf(const GgufFile& file);
  /// Byte-level vocabulary without merges: ids 0 "<|endoftext|>", 1 "<|padding|>", then the 256 bytes; for
  /// random models.
  static TokenizerData byte_level();

  /// Writes the same keys. `padded_size` ids are written (Error when there are more tokens); unused ones as
  /// "[PADn]" of type 5 (unused).
  void to_gguf(GgufWriter& writer, int64_t padded_size) const;
  /// Writes that there is none: llama.cpp opens no model that leaves it open.
  static void none_to_gguf(GgufWriter& writer);
};

/// Immutable and safe to share between threads.
class Tokenizer {
 public:
  /// Checks consistency: every merge's parts and result are tokens, no token has two ids, ids are in range,
  /// every byte that occurs in UTF-8 has a token (GPT-NeoX has none for the 13 that do not).
  explicit Tokenizer(TokenizerData data);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;

  /// Ids of UTF-8 text (invalid bytes become U+FFFD first, as Python's decoding with errors="replace" does).
  /// Linear in the text but for long runs without a split point, which cost n log n. Throws Error above 16
  /// MiB.
  std::vector<int32_t> encode(std::string_view text) const;

  /// Text of ids: bytes joined, invalid UTF-8 replaced by U+FFFD as Python does. Ids without a token decode
  /// to nothing.
  std::string decode(const std::vector<int32_t>& ids, bool skip_special = false) const;
  /// What the official code shows: decode(skip_special), transformers' clean_up_tokenization, Python's
  /// str.strip().
  std::string decode_answer(const std::vector<int32_t>& ids) const;

  /// The raw bytes of one token ("" for an id without one); for streaming and scoring.
  std::string_view token_bytes(int32_t id) const;
  bool is_special(int32_t id) const;
  int32_t eos_id() const;
  /// Number of ids that have a token (50277 for GPT-NeoX).
  int64_t size() const;
  /// The id of a string that is exactly one token, as the official `string2idx` looks it up (encode gives one
  /// id), or -1.
  int32_t single_token(std::string_view text) const;

  const TokenizerData& data() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// transformers' clean_up_tokenization (" ." -> ".", " n't" -> "n't", ...), then Python's str.strip(): what
/// the official code does to decoded answers.
std::string clean_answer(std::string_view text);

/// Detokenises a stream: each call gives the text that is certain now and never splits a UTF-8 character.
/// Special tokens give nothing. `finish` gives what is left (an incomplete character as U+FFFD).
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}
  std::string push(int32_t id);
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  std::string pending_;
};

}  // namespace cobra
