// Where the tests find the official code's reference data.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cobra::testing {

/// A file of the reference set in the repository, or of the set that COBRA_REFERENCE names (any set of the
/// same layout).
inline std::string reference(const std::string& name) {
  const char* other = std::getenv("COBRA_REFERENCE");
  return (std::filesystem::path(other ? other : COBRA_SOURCE_DIR "/tests/data/reference") / name).string();
}

/// GPT-NeoX's tokenizer.json, which is not part of the repository: "" where it is absent. COBRA_TOKENIZER
/// names it, or it stands in ../shared/reference beside the checkout.
inline std::string neox_tokenizer() {
  const char* named = std::getenv("COBRA_TOKENIZER");
  const std::string path = named ? named : COBRA_SOURCE_DIR "/../shared/reference/tokenizer.json";
  return std::filesystem::exists(path) ? path : std::string();
}

/// Names a parametrised test after its instruction set: "avx512-vnni" -> "avx512_vnni".
struct IsaName {
  template <class Info>
  std::string operator()(const Info& info) const {
    std::string name = info.param;
    for (char& c : name) {
      if (c == '-') c = '_';
    }
    return name;
  }
};

}  // namespace cobra::testing
