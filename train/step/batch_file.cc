#include "train/step/batch_file.h"

#include <filesystem>
#include <map>

#include "base/fail.h"
#include "formats/json.h"
#include "train/model/save.h"
#include "train/step/pictures.h"

namespace cobra::train {
namespace {

namespace fs = std::filesystem;

/// The picture of each row that has one; which rows these are must agree with `indices`.
std::vector<Image> read_pictures(const std::string& json_path, const std::string& name,
                                 const std::string& images_dir, const Tensor& indices) {
  const Json json = read_json(json_path);
  const Json* images = json_find(json, "images");
  const bool listed = images && images->is_object() && images->contains(name) && (*images)[name].is_array();
  check(listed, "{}: field 'images.{}' must be an array of file names and nulls", json_path, printable(name));
  const Json& rows = (*images)[name];
  std::vector<Image> pictures;
  for (int64_t i = 0; i < indices.numel(); ++i) {
    const auto row = indices[i].item<int64_t>();
    const bool named =
        row >= 0 && row < static_cast<int64_t>(rows.size()) && rows[static_cast<size_t>(row)].is_string();
    check(named, "{}: field 'images.{}': row {} has a picture, but no file is named for it", json_path,
          printable(name), row);
    pictures.push_back(
        Image::load((fs::path(images_dir) / rows[static_cast<size_t>(row)].get<std::string>()).string()));
  }
  return pictures;
}

}  // namespace

Batch read_batch(const std::string& path, const std::string& name, const std::string& images_dir,
                 const ModelConfig& config) {
  std::map<std::string, Tensor> tensors;
  for (auto& [key, tensor] : read_tensor_file(path)) tensors.emplace(key, tensor);
  const auto find = [&](const char* field) {
    const std::string key = name + "." + field;
    const auto found = tensors.find(key);
    check(found != tensors.end(), "{}: tensor '{}' is missing", path, printable(key));
    return found->second;
  };
  Batch batch{find("input_ids"), find("labels"), find("multimodal_indices"), {}, {}};
  check_batch(batch, config.mamba.vocab_size);
  if (batch.pictures() == 0) return batch;
  check(!images_dir.empty(), "{}: batch '{}' has pictures: give their folder with --images DIR", path,
        printable(name));
  check(config.has_vision(), "{}: batch '{}' has pictures, but the model has no vision towers", path,
        printable(name));
  const std::string json_path = fs::path(path).replace_extension(".json").string();
  batch.pixel_values =
      pixel_values(config, read_pictures(json_path, name, images_dir, batch.multimodal_indices));
  return batch;
}

}  // namespace cobra::train
