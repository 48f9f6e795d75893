// Thumbnails, and the user's qualitative cases.
#include <algorithm>
#include <filesystem>

#include "base/fail.h"
#include "cobra/image.h"
#include "eval/fields.h"
#include "eval/report.h"
#include "eval/report_text.h"
#include "image/encode_png.h"
#include "image/transform.h"

namespace cobra::eval {
namespace {

namespace fs = std::filesystem;

constexpr int kThumbnailSide = 240;
constexpr size_t kMaxTextBytes = 2000;

/// RFC 4648 section 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

Image thumbnail(const Image& image) {
  const int longest = std::max(image.width, image.height);
  if (longest <= kThumbnailSide) return image;
  const auto side = [&](int length) {
    return std::max(1, static_cast<int>(int64_t{length} * kThumbnailSide / longest));
  };
  return resize_bicubic(image, side(image.width), side(image.height));
}

ReportExample read_case(const Json& item, const std::string& place, const fs::path& folder) {
  check(item.is_object(), "{}: must be an object", place);
  ReportExample example;
  example.id = json_text(item, "title", place);
  example.kind = json_text(item, "kind", place, "");
  example.question = shorten(json_text(item, "question", place), kMaxTextBytes);
  example.truth = shorten(json_text(item, "expected", place, ""), kMaxTextBytes);
  example.picture = json_text(item, "image", place, "");
  if (const Json* answers = json_find(item, "answers")) {
    check(answers->is_object(), "{}: field 'answers' must be an object", place);
    for (const auto& [who, text] : answers->items()) {
      check(text.is_string(), "{}: the answer of '{}' must be a string", place, printable(who));
      example.replies.push_back({who, shorten(text.get<std::string>(), kMaxTextBytes)});
    }
  }
  if (!example.picture.empty()) add_thumbnail(example, (folder / example.picture).string());
  return example;
}

}  // namespace

void add_thumbnail(ReportExample& example, const std::string& file) {
  try {
    const Image small = thumbnail(Image::load(file));
    example.data_uri =
        "data:image/png;base64," + base64(encode_png({small.width, small.height, 3, small.pixels}));
  } catch (const Error&) {
    std::error_code error;  // a name too long, say
    example.no_picture = fs::exists(file, error) ? "the picture cannot be read" : "the picture is missing";
  }
}

std::vector<ReportExample> read_cases(const std::string& path) {
  const Json cases = read_json(path);
  check(cases.is_array(), "{}: must be an array of cases", printable(path, 200));
  std::vector<ReportExample> examples;
  for (size_t i = 0; i < cases.size(); ++i) {
    examples.push_back(read_case(cases[i], fmt::format("{}: case {}", printable(path, 200), i + 1),
                                 fs::path(path).parent_path()));
  }
  return examples;
}

}  // namespace cobra::eval
