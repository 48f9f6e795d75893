// RefCOCO, RefCOCO+ and RefCOCOg, validation splits: find the box of what a phrase describes; right from an
// intersection over union of one half on. Source: Yu et al., "Modeling Context in Referring Expressions"; the
// harness's accuracy.
#include <filesystem>
#include <map>

#include "base/fail.h"
#include "cobra/image.h"
#include "eval/benchmarks/families.h"
#include "eval/benchmarks/refer_data.h"
#include "eval/dataset.h"
#include "eval/fields.h"
#include "eval/messages.h"
#include "eval/python_hash.h"
#include "eval/python_json.h"
#include "eval/python_literal.h"
#include "eval/results.h"
#include "eval/tally.h"

namespace cobra::eval {
namespace {

constexpr double kRightFrom = 0.5;  // intersection over union

struct Part {
  std::string name;
  std::string folder;
  std::string refs;
};
const std::vector<Part> kParts = {{"RefCOCO", "refcoco", "refs(unc).p"},
                                  {"RefCOCO+", "refcoco+", "refs(unc).p"},
                                  {"RefCOCOg", "refcocog", "refs(umd).p"}};

std::vector<std::string> part_names() {
  std::vector<std::string> names;
  for (const Part& part : kParts) names.push_back(part.name);
  return names;
}

std::vector<std::string> download_files() {
  std::vector<std::string> files;
  for (const Part& part : kParts) {
    files.push_back(part.folder + "/" + part.refs);
    files.push_back(part.folder + "/instances.json");
  }
  return files;
}

/// Sizes of pictures: of the file, as the official builder takes it, or where that is missing of
/// instances.json, which says the same.
class PictureSizes {
 public:
  explicit PictureSizes(const Downloads& downloads) : downloads_(downloads) {}

  std::array<int64_t, 2> size(const std::string& path, int64_t image_id, const Instances& instances) {
    const auto [known, is_new] = known_.try_emplace(path);
    if (is_new) known->second = find(path, image_id, instances);
    return known->second;
  }

 private:
  const Downloads& downloads_;
  std::map<std::string, std::array<int64_t, 2>> known_;

  std::array<int64_t, 2> find(const std::string& path, int64_t image_id, const Instances& instances) const {
    const std::string full = downloads_.picture_file(path);
    if (std::filesystem::exists(full)) {
      const Image picture = Image::load(full);
      return {picture.width, picture.height};
    }
    const auto found = instances.pictures.find(image_id);
    check(found != instances.pictures.end(), "{}: missing, and instances.json has no image {}", full,
          image_id);
    return found->second;
  }
};

/// Adds the entries of one of the three datasets.
class PartReader {
 public:
  PartReader(const Benchmark& benchmark, const Downloads& downloads, PictureSizes& sizes, IndexSource& source)
      : benchmark_(benchmark), folder_(downloads.folder), sizes_(sizes), source_(source) {}

  void read(const Part& part) {
    const std::string refs_path = fmt::format("{}/{}/{}", folder_, part.folder, part.refs);
    const Instances instances = read_instances(fmt::format("{}/{}/instances.json", folder_, part.folder));
    for (const ReferredObject& object : read_referred_objects(refs_path)) {
      if (object.split == "val") add(part, object, instances, refs_path);
    }
  }

  int64_t boxes_outside() const { return boxes_outside_; }

 private:
  const Benchmark& benchmark_;
  std::string folder_;
  PictureSizes& sizes_;
  IndexSource& source_;
  int64_t boxes_outside_ = 0;

  void add(const Part& part, const ReferredObject& object, const Instances& instances,
           const std::string& source) {
    const std::string place = fmt::format("{}: ref {}", source, object.ref_id);
    const std::string picture =
        benchmark_.picture_path(fmt::format("COCO_train2014_{:012d}.jpg", object.image_id));
    const auto box = instances.boxes.find(object.annotation_id);
    check(box != instances.boxes.end(), "{}: instances.json has no annotation {}", place,
          object.annotation_id);
    const auto size = sizes_.size(picture, object.image_id, instances);
    check_box(box->second, size, place);
    const std::array<double, 4> normalized = normalized_box(box->second, size);
    for (const auto& [sentence_id, text] : object.sentences) {
      const int64_t id = python_hash(fmt::format("{}-{}-{}", part.name, object.ref_id, sentence_id));
      source_.entries.push_back(
          {std::to_string(id),
           {{"example_id", id},
            {"ref_expression", text},
            {"img_path", picture},
            {"bbox", Json::array({normalized[0], normalized[1], normalized[2], normalized[3]})},
            {"refer_dataset", part.name},
            {"split", "val"},
            {"ref_id", object.ref_id},
            {"sent_id", sentence_id}}});
    }
  }

  void check_box(const std::array<double, 4>& box, const std::array<int64_t, 2>& picture,
                 const std::string& place) {
    check(picture[0] > 0 && picture[1] > 0 && box[2] > 0 && box[3] > 0,
          "{}: a box of {} x {} in a picture of {} x {}", place, box[2], box[3], picture[0], picture[1]);
    boxes_outside_ += box[0] + box[2] > static_cast<double>(picture[0]) ||
                      box[1] + box[3] > static_cast<double>(picture[1]);
  }
};

class RefCoco : public Benchmark {
 public:
  RefCoco()
      : Benchmark({.family = "refcoco",
                   .title = "RefCOCO",
                   .full_index = "metadata-full.json",
                   .id_field = "example_id",
                   .group_field = "refer_dataset",
                   .downloads = download_files(),
                   .pictures = "train2014",
                   .slim_sizes = {1024},
                   .headline = "accuracy__RefCOCO",
                   .headline_scale = 100}) {}

  IndexSource read_downloads(const Downloads& downloads) const override {
    IndexSource source;
    PictureSizes sizes(downloads);
    PartReader reader(*this, downloads, sizes, source);
    for (const Part& part : kParts) reader.read(part);
    if (reader.boxes_outside()) {
      source.warnings.push_back(fmt::format("{} boxes reach out of their pictures", reader.boxes_outside()));
    }
    return source;
  }

  std::vector<Ask> asks(const Json& entry, const std::string& place) const override {
    return {{"model_output", bounding_box_message(json_text(entry, "ref_expression", place))}};
  }

  Json result(const Json& entry, const std::vector<Json>& outputs, const std::string& place) const override {
    return {{"example_id", field(entry, "example_id", place)},
            {"ref_exp", field(entry, "ref_expression", place)},
            {"model_output", outputs[0]},
            {"ground_truth_bbox", field(entry, "bbox", place)}};
  }

  Score score(const Dataset& dataset, const Results& results, bool with_detail) const override {
    const ById index = dataset_by_id(dataset);
    Score score;
    MeanByLabel accuracy(part_names()), no_box(part_names());
    for (const Entry& entry : results.entries) {
      const std::string place = place_of(results.source, entry.id);
      const std::string answer = json_text(entry.value, "model_output", place);
      const Json truth = numbers_field(entry.value, "ground_truth_bbox", 4, place);
      const std::string part =
          json_text(at_id(index, entry.id, dataset.index_path), "refer_dataset", dataset.index_path);
      check(accuracy.has(part), "{}: unknown refer_dataset '{}'", dataset.index_path, printable(part));
      const auto box = parse_box(answer);
      const Json overlap = box ? Json(intersection_over_union(*box, truth)) : Json();
      const double value = box && overlap.get<double>() >= kRightFrom;
      accuracy.add(part, value);
      no_box.add(part, !box);
      Json detail;
      if (with_detail) detail = {{"model_output", answer}, {"parsed", box ? *box : Json()}, {"iou", overlap}};
      score.questions.push_back({entry.id, value, std::move(detail)});
    }
    score.summary = Json::object();
    for (const Row& row : accuracy.rows()) append_member(score.summary, "accuracy__" + row.label, row.value);
    score.breakdowns = {{"answers that are no box", no_box.rows()}};
    return score;
  }
};

}  // namespace

const Benchmark& refcoco() {
  static const RefCoco benchmark;
  return benchmark;
}

}  // namespace cobra::eval
