#include "formats/state_dict.h"

#include <algorithm>
#include <cstring>

#include "base/fail.h"
#include "base/file.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "formats/torch_checkpoint.h"

namespace cobra {
namespace {

enum class Container { unknown, safetensors, torch, gguf };

Container container_of(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 16));
  if (text.starts_with("GGUF")) return Container::gguf;
  if (text.starts_with("PK")) return Container::torch;
  if (text.size() > 8 && text[8] == '{') {
    uint64_t header_bytes;
    std::memcpy(&header_bytes, file.data(), sizeof header_bytes);
    if (header_bytes <= file.size()) return Container::safetensors;
  }
  // Torch's old format, a bare pickle: its reader says how to convert it.
  if (text.starts_with("\x80\x02") || text.starts_with("\x80\x04")) return Container::torch;
  return Container::unknown;
}

template <typename File>
class StateDictOf final : public StateDict {
 public:
  explicit StateDictOf(const std::string& path) : file_(path) {}
  const std::string& path() const override { return file_.path(); }
  const std::vector<TensorEntry>& tensors() const override { return file_.tensors(); }
  const TensorEntry* find(std::string_view name) const override { return file_.find(name); }
  void release_pages(const TensorEntry& tensor) const override {
    if constexpr (std::is_same_v<File, TorchCheckpoint>) {
      file_.release_pages(tensor);
    } else {
      file_.release_pages(tensor.bytes);
    }
  }

 private:
  File file_;
};

}  // namespace

std::unique_ptr<StateDict> StateDict::open(const std::string& path) {
  switch (container_of(MappedFile(path).bytes())) {
    case Container::safetensors:
      return std::make_unique<StateDictOf<SafetensorsFile>>(path);
    case Container::torch:
      return std::make_unique<StateDictOf<TorchCheckpoint>>(path);
    case Container::gguf:
      return std::make_unique<StateDictOf<GgufFile>>(path);
    case Container::unknown:
      break;
  }
  fail("{}: not a safetensors, torch or GGUF file", path);
}

}  // namespace cobra
