#include "data/vqa_files.h"

#include "base/fail.h"

namespace cobra::data {
namespace {

constexpr const char* kFolder = "download/vqa-v2/";

Json question(const VqaItem& item) {
  return {{"image_id", item.image_id}, {"question", item.question}, {"question_id", item.question_id}};
}

Json annotation(const VqaItem& item) {
  Json answers = Json::array();
  for (int person = 1; person <= 10; ++person) {
    answers.push_back({{"answer", item.answer}, {"answer_confidence", "yes"}, {"answer_id", person}});
  }
  return {{"question_type", item.type}, {"multiple_choice_answer", item.answer},
          {"answers", answers},         {"image_id", item.image_id},
          {"answer_type", "other"},     {"question_id", item.question_id}};
}

}  // namespace

std::string vqa_picture(int64_t image_id) {
  return fmt::format("{}images_val2014/COCO_val2014_{:012}.jpg", kFolder, image_id);
}

void write_vqa_files(AtomicFolder& folder, const std::string& prefix, const std::string& description,
                     const std::vector<VqaItem>& items) {
  const auto list = [&](Json (*item)(const VqaItem&)) {
    return json_lines(static_cast<int64_t>(items.size()),
                      [&](int64_t i) { return item(items[static_cast<size_t>(i)]); });
  };
  const std::string head = fmt::format(
      R"({{"info":{{"description":{}}},"license":{{"name":"MIT"}},"data_subtype":"val2014","data_type":"mscoco",)",
      Json(description).dump());
  const std::string path = prefix + kFolder;
  folder.write(path + "v2_val2014_questions.json",
               head + R"("task_type":"Open-Ended","questions":)" + list(question) + "}\n");
  folder.write(path + "v2_val2014_annotations.json", head + R"("annotations":)" + list(annotation) + "}\n");
}

}  // namespace cobra::data
