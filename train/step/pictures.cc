#include "train/step/pictures.h"

#include "image/transform.h"

namespace cobra::train {

std::vector<Tensor> pixel_values(const ModelConfig& config, const std::vector<Image>& pictures) {
  const ResizeStrategy strategy = parse_resize_strategy(config.resize_strategy);
  std::vector<Tensor> values;
  for (const TowerConfig& tower : config.towers) {
    const int64_t S = tower.image_size;
    Tensor pixels = torch::empty({static_cast<int64_t>(pictures.size()), 3, S, S}, torch::kFloat32);
    float* out = pixels.data_ptr<float>();
    for (const Image& picture : pictures) {
      preprocess(picture, tower.image_size, strategy, {tower.mean, tower.std}, {out, 3, S * S});
      out += 3 * S * S;
    }
    values.push_back(pixels);
  }
  return values;
}

}  // namespace cobra::train
