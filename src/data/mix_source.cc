// Sources: LLaVA (haotian-liu/LLaVA, docs/Data.md), LVIS-Instruct-4V (arXiv 2311.07574), LRV-Instruct
// (arXiv 2306.14565); the form that LRV's records get is that of scripts/additional-datasets/lrv_instruct.py
// in TRI-ML/prismatic-vlms, on whose output the official models were trained.
#include "data/mix_source.h"

#include <filesystem>

#include "base/fail.h"
#include "data/example.h"
#include "tokenizer/unicode_text.h"

namespace cobra::data {
namespace {

/// The identifier of an LRV picture, which some versions of the files have as a number.
std::string image_id(const Json& record, const std::string& place) {
  check(record.is_object(), "{}: an example must be an object", place);
  const Json* id = json_find(record, "image_id");
  if (id && id->is_number_integer()) return id->dump();
  std::string text = json_text(record, "image_id", place);
  check(!text.empty(), "{}: field 'image_id' is empty", place);
  return text;
}

std::string stripped(const Json& record, std::string_view field, const std::string& place) {
  return std::string(python_strip(json_text(record, field, place)));
}

Json conversation(const Json& record, const std::string& id, const std::string& picture,
                  const std::string& place) {
  const std::string question = stripped(record, "question", place);
  const std::string answer = stripped(record, "answer", place);
  return {{"id", id},
          {"image", picture},
          {"conversations", Json::array({{{"from", "human"}, {"value", "<image>\n" + question}},
                                         {{"from", "gpt"}, {"value", answer}}})}};
}

}  // namespace

std::string_view title(MixSource source) {
  switch (source) {
    case MixSource::llava:
      return "LLaVA-1.5";
    case MixSource::lvis:
      return "LVIS-Instruct-4V";
    case MixSource::lrv:
      return "LRV-Instruct";
    case MixSource::lrv_chart:
      return "LRV-Instruct charts";
  }
  return "";
}

Json mix_record(MixSource source, std::string_view text, const LrvFolders& folders,
                const std::string& place) {
  Json record = parse_json(text, place);
  if (source == MixSource::llava || source == MixSource::lvis) {
    parse_example(record, place);
    return record;
  }
  const std::string id = image_id(record, place);
  if (source == MixSource::lrv)
    return conversation(record, id, fmt::format("{}/{}.jpg", folders.photos, id), place);
  const std::string stem = std::filesystem::path(id).stem().string();
  return conversation(record, stem, fmt::format("{}/{}", folders.charts, id), place);
}

}  // namespace cobra::data
