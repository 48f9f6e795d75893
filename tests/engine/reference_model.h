// The reference checkpoint as a loaded model, converted once for each type.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/fail.h"
#include "cobra/model.h"
#include "formats/safetensors.h"
#include "model/convert.h"
#include "reference.h"

namespace cobra::testing {

/// A folder of this process that goes with it.
inline const std::filesystem::path& scratch_folder() {
  struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("cobra_engine_test_{}", ::getpid());
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
  };
  static const Folder folder;
  return folder.path;
}

/// The GGUF of the reference checkpoint as `type`; `checkpoint` names a file in checkpoint/checkpoints.
inline std::string reference_gguf(DType type = DType::f32,
                                  const std::string& checkpoint = "latest-checkpoint.pt") {
  const std::string path = scratch_folder() / fmt::format("{}-{}.gguf", checkpoint, name(type));
  if (!std::filesystem::exists(path)) {
    ConvertOptions o;
    o.run_dir = reference("checkpoint");
    o.checkpoint = reference("checkpoint/checkpoints/" + checkpoint);
    o.dino = reference("checkpoint/dino.safetensors");
    o.siglip = reference("checkpoint/siglip.safetensors");
    o.dims = reference("dims.json");
    o.type = type;
    o.output = path;
    convert(o);
  }
  return path;
}

inline Model reference_model(const Runtime& runtime = Runtime(), DType type = DType::f32) {
  return Model::load(reference_gguf(type), runtime);
}

/// A safetensors file of the reference set, by values.
class ReferenceTensors {
 public:
  explicit ReferenceTensors(const std::string& name) : file_(reference(name)) {}
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  const std::vector<int64_t>& shape(const std::string& name) const { return entry(name).shape; }
  std::vector<float> floats(const std::string& name) const { return to_float32(entry(name), file_.path()); }
  /// Entry `index` of the outermost dimension.
  std::vector<float> floats(const std::string& name, int64_t index) const {
    const std::vector<float> all = floats(name);
    const auto size = static_cast<std::ptrdiff_t>(all.size()) / entry(name).shape[0];
    return {all.begin() + index * size, all.begin() + (index + 1) * size};
  }
  std::vector<int32_t> ids(const std::string& name, int64_t row = 0) const {
    const std::vector<float> values = floats(name, row);
    return {values.begin(), values.end()};
  }

 private:
  SafetensorsFile file_;
  const TensorEntry& entry(const std::string& name) const {
    const TensorEntry* tensor = file_.find(name);
    check(tensor != nullptr, "{}: no tensor '{}'", file_.path(), name);
    return *tensor;
  }
};

/// Everything a forward pass names. Reads that come in pieces are appended.
struct Recorder {
  std::map<std::string, std::vector<float>> values;
  TraceSink sink() {
    return [this](const std::string& name, const std::vector<int64_t>& shape, const float* data) {
      int64_t size = 1;
      for (const int64_t n : shape) size *= n;
      values[name].insert(values[name].end(), data, data + size);
    };
  }
};

}  // namespace cobra::testing
