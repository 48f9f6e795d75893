#include "formats/json_builder.h"

#include <algorithm>

#include "base/fail.h"

namespace cobra {
namespace {

constexpr size_t kMaxDepth = 64;

void check_keys_differ(const Json::object_t& object, const std::string& source) {
  std::vector<const std::string*> keys;
  keys.reserve(object.size());
  for (const auto& [key, value] : object) keys.push_back(&key);
  std::sort(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a < *b; });
  const auto twin =
      std::adjacent_find(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a == *b; });
  if (twin != keys.end()) fail("{}: key '{}' appears twice in one object", source, printable(**twin));
}

}  // namespace

Json* JsonBuilder::place(Json value) {
  if (open_.empty()) {
    root_ = std::move(value);
    return &root_;
  }
  if (open_.back()->is_array()) {
    auto& array = open_.back()->get_ref<Json::array_t&>();
    array.push_back(std::move(value));
    return &array.back();
  }
  // emplace_back is the vector's own: it skips the linear search for an equal key, which end_object makes up
  // for.
  auto& object = open_.back()->get_ref<Json::object_t&>();
  object.emplace_back(std::move(key_), std::move(value));
  return &object.back().second;
}

bool JsonBuilder::add(Json value) {
  place(std::move(value));
  return true;
}

bool JsonBuilder::open(Json container) {
  check(open_.size() < kMaxDepth, "{}: not valid JSON: nested deeper than {} levels", source_, kMaxDepth);
  open_.push_back(place(std::move(container)));
  return true;
}

bool JsonBuilder::key(std::string& name) {
  key_ = std::move(name);
  return true;
}

bool JsonBuilder::end_object() {
  check_keys_differ(open_.back()->get_ref<const Json::object_t&>(), source_);
  open_.pop_back();
  return true;
}

bool JsonBuilder::end_array() {
  open_.pop_back();
  return true;
}

bool JsonBuilder::parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) {
  std::string_view reason = error.what();
  const size_t tag_end = reason.find("] ");  // "[json.exception.parse_error.101] "
  if (tag_end != std::string_view::npos) reason.remove_prefix(tag_end + 2);
  fail("{}: not valid JSON: {}", source_, printable(reason, 200));
}

}  // namespace cobra
