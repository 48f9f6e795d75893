// TextVQA, validation split: questions about text in pictures, asked with and without the tokens that an OCR
// system read. Source: textvqa.org and its scorer (m4c).
#include <map>
#include <memory>
#include <set>

#include "base/fail.h"
#include "eval/benchmarks/families.h"
#include "eval/benchmarks/soft_accuracy.h"
#include "eval/dataset.h"
#include "eval/fields.h"
#include "eval/messages.h"
#include "eval/python_json.h"
#include "eval/results.h"
#include "eval/tally.h"
#include "eval/vqa_text.h"

namespace cobra::eval {
namespace {

constexpr size_t kAnnotators = 10;  // the scorer insists
constexpr const char* kWithOcr = "model_output_ocr";
constexpr const char* kWithoutOcr = "model_output_no_ocr";

/// The annotated questions, each with the text that ends in its OCR tokens.
Json questions_with_ocr(const std::string& ocr_path, const std::string& annotations_path) {
  const std::vector<Json> ocr = read_json_lines(ocr_path);
  Json document = read_data_json(annotations_path);
  check(document.is_object() && document.contains("data") && document["data"].is_array(),
        "{}: field 'data' must be an array", annotations_path);
  Json items = std::move(document["data"]);
  check(ocr.size() == items.size(), "{} has {} questions, but {} has {}", ocr_path, ocr.size(),
        annotations_path, items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    check(items[i].is_object(), "{}: item {} must be an object", annotations_path, i);
    items[i]["question"] = json_text(ocr[i], "text", fmt::format("{}: line {}", ocr_path, i + 1));
  }
  return items;
}

std::vector<std::string> texts(const Json& object, const std::string& name, const std::string& place) {
  std::vector<std::string> found;
  for (const Json& value : array_field(object, name, place)) {
    check(value.is_string(), "{}: field '{}' must be an array of strings", place, name);
    found.push_back(value.get<std::string>());
  }
  return found;
}

std::vector<std::string> annotated_answers(const Json& annotation, const std::string& place) {
  std::vector<std::string> answers = texts(annotation, "answers", place);
  check(answers.size() == kAnnotators, "{}: field 'answers' must have {} answers, found {}", place,
        kAnnotators, answers.size());
  return answers;
}

double accuracy(const std::string& processed, const std::vector<std::string>& truth) {
  const auto all = std::count(truth.begin(), truth.end(), processed);
  return soft_accuracy(truth.size(), [&](size_t i) { return all - (truth[i] == processed); });
}

class TextVqa : public Benchmark {
 public:
  TextVqa()
      : Benchmark({.family = "text-vqa",
                   .title = "TextVQA",
                   .full_index = "metadata.json",
                   .annotations_stem = "annotations-textvqa",
                   .id_field = "question_id",
                   .downloads = {"textvqa_val_v051_ocr.jsonl", "TextVQA_0.5.1_val.json"},
                   .pictures = "train_val_images",
                   .slim_sizes = {1024},
                   .headline = "accuracy__TextVQA-OCR",
                   .headline_scale = 100}) {}

  IndexSource read_downloads(const Downloads& downloads) const override {
    const std::string path = downloads.folder + "/" + info().downloads[1];
    const auto raw =
        std::make_shared<const Json>(questions_with_ocr(downloads.folder + "/" + info().downloads[0], path));
    const auto positions = std::make_shared<std::map<std::string, size_t>>();
    IndexSource source;
    for (size_t i = 0; i < raw->size(); ++i) {
      source.entries.push_back(entry((*raw)[i], path));
      (*positions)[source.entries.back().id] = i;
    }
    source.official_files = [raw, positions](const auto& ids, const auto& suffix) {
      Json chosen = Json::object();
      for (const std::string& id : ids) append_member(chosen, id, (*raw)[positions->at(id)]);
      return std::vector<OutputFile>{{"annotations-textvqa" + suffix + ".json", python_json(chosen)}};
    };
    return source;
  }

  std::vector<Ask> asks(const Json& entry, const std::string& place) const override {
    const std::string question = json_text(entry, "question", place);
    const std::string plain = question.substr(0, question.find(kOcrMark.substr(0, kOcrMark.size() - 1)));
    return {{kWithOcr, short_answer_message(question)}, {kWithoutOcr, short_answer_message(plain)}};
  }

  Json result(const Json& entry, const std::vector<Json>& outputs, const std::string& place) const override {
    return {{"question_id", field(entry, "question_id", place)},
            {"question", field(entry, "question", place)},
            {kWithOcr, outputs[0]},
            {kWithoutOcr, outputs[1]},
            {"ground_truth_answer", fmt::format("{}", fmt::join(texts(entry, "answers", place), " or "))}};
  }

  Score score(const Dataset& dataset, const Results& results, bool with_detail) const override {
    const Json document = read_data_json(dataset.annotations_path);
    const ById annotations = members_by_id(document, dataset.annotations_path);
    Score score;
    Mean with_ocr, without_ocr;
    for (const Entry& entry : results.entries) {
      const std::string place = place_of(results.source, entry.id);
      const Json& annotation = at_id(annotations, entry.id, dataset.annotations_path);
      std::vector<std::string> truth =
          annotated_answers(annotation, place_of(dataset.annotations_path, entry.id));
      for (std::string& answer : truth) answer = text_vqa_answer(answer);
      const std::string ocr = text_vqa_answer(json_text(entry.value, kWithOcr, place));
      const std::string plain = text_vqa_answer(json_text(entry.value, kWithoutOcr, place));
      with_ocr.add(accuracy(ocr, truth));
      without_ocr.add(accuracy(plain, truth));
      Json detail;
      if (with_detail) detail = {{"processed_ocr", ocr}, {"processed_no_ocr", plain}};
      score.questions.push_back({entry.id, accuracy(ocr, truth), std::move(detail)});
    }
    score.summary = {{"accuracy__TextVQA-OCR", with_ocr.value()},
                     {"accuracy__TextVQA-Pure", without_ocr.value()}};
    return score;
  }

  std::vector<OutputFile> leaderboard_files(const Dataset& dataset, const Results& results) const override {
    const Json document = read_data_json(dataset.annotations_path);
    const ById annotations = members_by_id(document, dataset.annotations_path);
    const auto predictions = [&](const char* output) {
      Json list = Json::array();
      for (const Entry& entry : results.entries) {
        const Json& annotation = at_id(annotations, entry.id, dataset.annotations_path);
        list.push_back({{"pred_answer", field(entry.value, output, results.source)},
                        {"gt_answers", array_field(annotation, "answers", dataset.annotations_path)}});
      }
      return python_json(list, 2);
    };
    return {{"text-vqa-formatted-predictions-with-ocr.json", predictions(kWithOcr)},
            {"text-vqa-formatted-predictions-without-ocr.json", predictions(kWithoutOcr)}};
  }

 private:
  Entry entry(const Json& item, const std::string& source) const {
    const int64_t id = integer_field(item, "question_id", source);
    const std::string place = place_of(source, std::to_string(id));
    return {std::to_string(id),
            {{"question_id", id},
             {"question", json_text(item, "question", place)},
             {"img_path", picture_path(json_text(item, "image_id", place) + ".jpg")},
             {"answers", array_field(item, "answers", place)}}};
  }
};

}  // namespace

const Benchmark& text_vqa() {
  static const TextVqa benchmark;
  return benchmark;
}

}  // namespace cobra::eval
