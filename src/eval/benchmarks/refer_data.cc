#include "eval/benchmarks/refer_data.h"

#include "base/fail.h"
#include "base/file.h"
#include "eval/fields.h"
#include "eval/tally.h"
#include "formats/pickle.h"

namespace cobra::eval {
namespace {

// The largest of the three files describes 142,000 sentences, in some millions of values.
constexpr pickle::Limits kPickleLimits{.max_bytes = 512 << 20, .max_values = 16 << 20};

/// Typed access to the dicts of the pickle.
class PickledDict {
 public:
  PickledDict(const pickle::Tree& tree, pickle::Ref ref, std::string place)
      : tree_(tree), place_(std::move(place)), items_(&get<pickle::Dict>(ref, "an item", "a dict").items) {}

  template <typename T>
  const T& field(std::string_view name, std::string_view wanted) const {
    return get<T>(find(name), fmt::format("field '{}'", name), wanted);
  }
  int64_t integer(std::string_view name) const { return field<int64_t>(name, "an integer"); }
  const std::string& text(std::string_view name) const { return field<std::string>(name, "a string"); }
  const std::vector<pickle::Ref>& list(std::string_view name) const {
    return field<pickle::List>(name, "a list").items;
  }

 private:
  const pickle::Tree& tree_;
  std::string place_;
  const std::vector<std::pair<pickle::Ref, pickle::Ref>>* items_;

  pickle::Ref find(std::string_view name) const {
    for (const auto& [key, value] : *items_) {
      const auto* text = std::get_if<std::string>(&tree_[key]);
      if (text && *text == name) return value;
    }
    fail("{}: field '{}' is missing", place_, name);
  }

  template <typename T>
  const T& get(pickle::Ref ref, std::string_view what, std::string_view wanted) const {
    const T* value = std::get_if<T>(&tree_[ref]);
    if (!value) fail("{}: {} must be {}, found {}", place_, what, wanted, pickle::kind(tree_[ref]));
    return *value;
  }
};

ReferredObject read_object(const pickle::Tree& tree, pickle::Ref ref, const std::string& place) {
  const PickledDict dict(tree, ref, place);
  ReferredObject object{
      dict.integer("ref_id"), dict.integer("ann_id"), dict.integer("image_id"), dict.text("split"), {}};
  for (const pickle::Ref item : dict.list("sentences")) {
    const PickledDict sentence(tree, item, place + ": a sentence");
    object.sentences.emplace_back(sentence.integer("sent_id"), sentence.text("sent"));
  }
  return object;
}

}  // namespace

std::vector<ReferredObject> read_referred_objects(const std::string& path) {
  const MappedFile file(path);
  const pickle::Tree tree = pickle::run(file.bytes(), path, kPickleLimits);
  const auto* list = std::get_if<pickle::List>(&tree[tree.root]);
  if (!list) fail("{}: must hold a list of referred objects, found {}", path, pickle::kind(tree[tree.root]));
  std::vector<ReferredObject> objects;
  for (const pickle::Ref item : list->items) {
    objects.push_back(read_object(tree, item, fmt::format("{}: item {}", path, objects.size())));
  }
  return objects;
}

Instances read_instances(const std::string& path) {
  const Json document = read_data_json(path);
  Instances instances;
  for (const Json& annotation : array_field(document, "annotations", path)) {
    const int64_t id = json_integer(annotation, "id", path);
    const std::vector<double> box = numbers_field(annotation, "bbox", 4, place_of(path, std::to_string(id)));
    instances.boxes[id] = {box[0], box[1], box[2], box[3]};
  }
  for (const Json& picture : array_field(document, "images", path)) {
    instances.pictures[json_integer(picture, "id", path)] = {json_integer(picture, "width", path),
                                                             json_integer(picture, "height", path)};
  }
  return instances;
}

std::array<double, 4> normalized_box(const std::array<double, 4>& box,
                                     const std::array<int64_t, 2>& picture) {
  const auto width = static_cast<double>(picture[0]), height = static_cast<double>(picture[1]);
  return {python_round(box[0] / width), python_round(box[1] / height),
          python_round((box[0] + box[2]) / width), python_round((box[1] + box[3]) / height)};
}

}  // namespace cobra::eval
