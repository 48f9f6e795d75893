#include "train/run/cached_features.h"

#include <algorithm>

#include "base/fail.h"

namespace cobra::train {
namespace {

std::string preprocessing(const CobraVlm& model) {
  std::string text = fmt::format("{} {};", model.config().resize_strategy,
                                 model.options().precision == Precision::bf16 ? "bf16" : "float32");
  for (const TowerConfig& tower : model.config().towers) {
    text += fmt::format("{} {} {} {} {} {};", tower.name, tower.image_size, tower.patch_size, tower.num_heads,
                        fmt::join(tower.mean, " "), fmt::join(tower.std, " "));
    text += fmt::format("{} {} {};", tower.quick_gelu, tower.norm_epsilon, tower.position_covers_prefix);
  }
  return text;
}

std::string fingerprint(const CobraVlm& model) {
  Hasher hasher;
  hasher.add(preprocessing(model));
  const auto in_towers = [](const Parameter& parameter) { return parameter.part == Part::vision_backbone; };
  hash_parameters(model.parameters(), in_towers, hasher);
  return to_hex(hasher.digest());
}

/// Features of the batch's unknown pictures, [m, P, W], one vector a picture, as the cache keeps them.
std::vector<std::vector<float>> make_unknown(data::FeatureCache& cache, const CobraVlm& model,
                                             const LoadedBatch& loaded) {
  const NoGradGuard no_grad;
  std::vector<std::vector<float>> made;
  if (loaded.batch.pixel_values.empty()) return made;
  const Tensor features = model.features(loaded.batch.pixel_values).contiguous();
  for (size_t i = 0; i < loaded.pictures.size(); ++i) {
    if (loaded.pictures[i].known) continue;
    const Tensor one = features[static_cast<int64_t>(made.size())];
    const float* values = one.data_ptr<float>();
    made.push_back(cache.put(loaded.pictures[i].key, {values, values + one.numel()}));
  }
  return made;
}

}  // namespace

std::shared_ptr<data::FeatureCache> open_feature_cache(const std::string& folder, const CobraVlm& model) {
  const ModelConfig& config = model.config();
  check(config.has_vision(), "recipe: 'feature_cache': the model has no vision towers");
  data::FeatureCacheOptions options;
  options.folder = folder;
  options.fingerprint = fingerprint(model);
  options.rows = config.towers.front().patches();
  options.width = config.projector.in;
  return std::make_shared<data::FeatureCache>(options);
}

void complete_features(data::FeatureCache& cache, const CobraVlm& model, LoadedBatch& loaded) {
  if (loaded.pictures.empty()) return;
  const std::vector<std::vector<float>> made = make_unknown(cache, model, loaded);
  const int64_t P = model.config().towers.front().patches(), W = model.config().projector.in;
  loaded.batch.features = torch::empty({loaded.batch.pictures(), P, W}, torch::kFloat32);
  float* out = loaded.batch.features.data_ptr<float>();
  auto next_made = made.begin();
  for (const CachedPicture& picture : loaded.pictures) {
    out = std::ranges::copy(picture.known ? *picture.known : *next_made++, out).out;
  }
  loaded.batch.pixel_values.clear();
}

}  // namespace cobra::train
