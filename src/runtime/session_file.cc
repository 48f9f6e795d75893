#include "runtime/session_file.h"

#include <charconv>

#include "base/fail.h"
#include "base/hash.h"
#include "formats/safetensors.h"

namespace cobra {
namespace {

constexpr const char* kFormat = "cobra-session-1";
constexpr const char* kFormatFamily = "cobra-session-";

// More than any session can have read; sums of positions below it do not overflow.
constexpr int64_t kMaxPosition = int64_t{1} << 48;

TensorEntry entry(const std::string& name, const std::vector<float>& values) {
  return {name, DType::f32, {std::ssize(values)}, std::as_bytes(std::span(values))};
}

std::string metadata(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  check(found != file.metadata().end(), "{}: not a cobra session: metadata '{}' is missing", file.path(),
        key);
  return found->second;
}

std::vector<float> values(const SafetensorsFile& file, const std::string& name, int64_t expected) {
  const TensorEntry* tensor = file.find(name);
  check(tensor != nullptr, "{}: session tensor '{}': expected {} f32 values, found none", file.path(), name,
        expected);
  check(tensor->type == DType::f32 && tensor->elements() == expected,
        "{}: session tensor '{}': expected {} f32 values, found {} {}", file.path(), name, expected,
        to_string(tensor->shape), cobra::name(tensor->type));
  return to_float32(*tensor, file.path());
}

std::string checksum(const SessionFile& s) {
  Hasher hasher;
  for (const std::vector<float>* part : {&s.conv, &s.ssm, &s.logits})
    hasher.add(std::as_bytes(std::span(*part)));
  hasher.add(std::to_string(s.position));
  return to_hex(hasher.digest());
}

}  // namespace

void write_session_file(AtomicFile& file, const SessionFile& s) {
  write_safetensors(file, {entry("conv_state", s.conv), entry("ssm_state", s.ssm), entry("logits", s.logits)},
                    {{"format", kFormat},
                     {"model_fingerprint", fmt::format("{:016x}", s.fingerprint)},
                     {"position", std::to_string(s.position)},
                     {"checksum", checksum(s)}});
}

SessionFile read_session_file(const std::string& path, const MambaConfig& c, uint64_t fingerprint) {
  const SafetensorsFile file(path);
  const std::string format = metadata(file, "format");
  check(format == kFormat, "{}: session format: expected {}, found {}", path, kFormat, printable(format));
  const std::string found = metadata(file, "model_fingerprint"),
                    expected = fmt::format("{:016x}", fingerprint);
  check(found == expected, "{}: this session belongs to another model: expected fingerprint {}, found {}",
        path, expected, printable(found));
  SessionFile s;
  s.fingerprint = fingerprint;
  const std::string position = metadata(file, "position");
  const auto [end, error] = std::from_chars(position.data(), position.data() + position.size(), s.position);
  check(error == std::errc() && end == position.data() + position.size() && s.position >= 0 &&
            s.position <= kMaxPosition,
        "{}: session position: expected a number from 0 to {}, found '{}'", path, kMaxPosition,
        printable(position));
  s.conv = values(file, "conv_state", int64_t{c.n_layer} * c.d_inner * c.d_conv);
  s.ssm = values(file, "ssm_state", int64_t{c.n_layer} * c.d_inner * c.d_state);
  s.logits = values(file, "logits", c.vocab_size);
  check(metadata(file, "checksum") == checksum(s), "{}: damaged: its values are not those of its checksum",
        path);
  return s;
}

bool is_session_file(const std::string& path) {
  try {
    return metadata(SafetensorsFile(path), "format").starts_with(kFormatFamily);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace cobra
