// The mixture's parts: published records to examples, the official order, what is left out.
#include <algorithm>

#include "data/mix_order.h"
#include "data/mix_source.h"
#include "data/mixture.h"
#include "data/test_data.h"

namespace cobra::data {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using testing::example_text;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

/// Expected: Python's random.Random, shuffled as the official scripts do.
TEST(MixOrder, IsThatOfTheOfficialScripts) {
  EXPECT_THAT(mix_order({.llava = 5}, 7), ElementsAre(2, 0, 3, 1, 4));
  EXPECT_THAT(mix_order({.llava = 3, .lvis = 2}, 7), ElementsAre(2, 0, 3, 1, 4));
  EXPECT_THAT(mix_order({.llava = 3, .lrv = 2}, 7), ElementsAre(2, 0, 3, 1, 4));
  EXPECT_THAT(mix_order({.llava = 3, .lvis = 2, .lrv = 4}, 7), ElementsAre(3, 4, 0, 8, 2, 5, 6, 7, 1));
  EXPECT_THAT(mix_order({.llava = 3, .lvis = 2, .lrv = 4}, 8), ElementsAre(6, 1, 8, 0, 3, 2, 4, 5, 7));
}

TEST(MixOrder, EachRecordOnce) {
  for (const MixSizes& sizes : {MixSizes{100, 50, 70}, {0, 9, 5}, {0, 0, 1}, {}}) {
    std::vector<uint32_t> order = mix_order(sizes, 3);
    std::ranges::sort(order);
    ASSERT_EQ(static_cast<int64_t>(order.size()), sizes.llava + sizes.lvis + sizes.lrv);
    for (uint32_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
  }
}

Json record(MixSource source, const std::string& text) {
  return mix_record(source, text, {}, "f.json: example 3");
}
std::string refusal(MixSource source, const std::string& text) {
  return error_of([&] { record(source, text); });
}

TEST(MixRecord, LlavasRecordsStayAsTheyAre) {
  const std::string text =
      R"({"id":7,"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}],"model":"x"})";
  for (const MixSource source : {MixSource::llava, MixSource::lvis})
    EXPECT_EQ(record(source, text), parse_json(text, ""));
}

TEST(MixRecord, LrvsRecordsBecomeConversations) {
  const std::string tail = R"(, "question": " Is it?\n", "answer": "\tYes. ", "task": "x"})";
  const auto expected = [](const std::string& id, const std::string& picture) {
    return parse_json(example_text(id, "<image>\nIs it?", "Yes.", picture), "");
  };
  const auto made = [&](MixSource source, const std::string& id) {
    return record(source, R"({"image_id": )" + id + tail);
  };
  EXPECT_EQ(made(MixSource::lrv, R"("23")"), expected("23", "lrv/lrv-vg/23.jpg"));
  EXPECT_EQ(made(MixSource::lrv, "23"), expected("23", "lrv/lrv-vg/23.jpg"));
  EXPECT_EQ(made(MixSource::lrv_chart, R"("a.b/7.png")"), expected("7", "lrv/lrv-chart/a.b/7.png"));
}

TEST(MixRecord, NamesTheFieldThatIsNotAsPublished) {
  EXPECT_THAT(refusal(MixSource::llava, R"({"conversations": []})"),
              HasSubstr("f.json: example 3: the conversation is empty"));
  EXPECT_THAT(refusal(MixSource::lvis, "7"), HasSubstr("must be an object"));
  EXPECT_THAT(refusal(MixSource::llava, "{\"id\": \"\xff\"}"), HasSubstr("ill-formed UTF-8"));
  for (const MixSource source : {MixSource::lrv, MixSource::lrv_chart}) {
    EXPECT_THAT(refusal(source, "[]"), HasSubstr("must be an object"));
    EXPECT_THAT(refusal(source, R"({"question": "q", "answer": "a"})"), HasSubstr("'image_id'"));
    EXPECT_THAT(refusal(source, R"({"image_id": "", "question": "q", "answer": "a"})"),
                HasSubstr("'image_id' is empty"));
    EXPECT_THAT(refusal(source, R"({"image_id": [], "question": "q", "answer": "a"})"),
                HasSubstr("'image_id'"));
    EXPECT_THAT(refusal(source, R"({"image_id": 1.5, "question": "q", "answer": "a"})"),
                HasSubstr("'image_id'"));
    EXPECT_THAT(refusal(source, R"({"image_id": "1", "question": null, "answer": "a"})"),
                HasSubstr("'question'"));
    EXPECT_THAT(refusal(source, R"({"image_id": "1", "question": "q"})"), HasSubstr("'answer'"));
  }
}

TEST(Mix, NothingLeftIsAnErrorThatTheReportExplains) {
  const TemporaryFolder folder;
  MixOptions options;
  options.files = {{MixSource::llava, folder.write("in.json", "[1, 2]")}};
  options.output = folder.file("out.json");
  options.report = folder.file("report.jsonl");
  EXPECT_THAT(error_of([&] { mix(options); }), HasSubstr("no example is left; "));
  EXPECT_FALSE(std::filesystem::exists(options.output));
  const std::string report = testing::file_bytes(options.report);
  EXPECT_EQ(std::ranges::count(report, '\n'), 2);
  EXPECT_THAT(report, HasSubstr(R"("position":1,"problem":")"));
}

}  // namespace
}  // namespace cobra::data
