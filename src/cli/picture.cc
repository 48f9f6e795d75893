#include "cli/picture.h"

#include "base/fail.h"
#include "cli/progress.h"
#include "cli/stopwatch.h"

namespace cobra {

PictureCost read_picture(Session& session, const std::string& path, int64_t chunk) {
  const Model& model = session.model();
  check(model.config().has_vision(), "{}: the model has no vision towers, so it cannot see a picture",
        picture_name(path));
  const ProgressLine progress("reading the picture");
  PictureCost cost;
  const Stopwatch decoding;
  const Image image = Image::open(path);
  cost.image_ms = decoding.elapsed_ms();

  const ImageEmbedding embedding = model.embed(image);
  cost.tokens = embedding.tokens;
  cost.image_ms += embedding.preprocess_ms;
  cost.vision_ms = embedding.vision_ms;

  const Stopwatch prefill;
  session.read_embeddings(embedding.view(), chunk);
  cost.prefill_ms = prefill.elapsed_ms();
  return cost;
}

std::string picture_name(const std::string& path) {
  return path.starts_with("data:") ? path.substr(0, std::min(path.find(','), size_t{40})) + ",..." : path;
}

}  // namespace cobra
