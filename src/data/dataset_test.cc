#include "data/dataset.h"

#include <map>

#include "data/json_array.h"
#include "data/pictures.h"
#include "data/test_data.h"

namespace cobra::data {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using testing::example_text;
using ::testing::HasSubstr;

std::string split_error(const std::string& text) {
  return error_of([&] { json_array_elements(text, "t"); });
}

TEST(JsonArray, SplitsAtTopLevelOnly) {
  EXPECT_THAT(json_array_elements("\xef\xbb\xbf [ {\"a\": [1, \"],}\\\"\"]} ,2 , \"x y\" ] \n", "t"),
              ElementsAre("{\"a\": [1, \"],}\\\"\"]}", "2", "\"x y\""));
  EXPECT_THAT(json_array_elements("[]", "t"), ElementsAre());
}

TEST(JsonArray, NamesTheByteOfWhatIsBroken) {
  EXPECT_EQ(split_error(""), "t: expected an array ('[') at byte 0, found the end");
  EXPECT_THAT(split_error("{\"a\": 1}"), HasSubstr("at byte 0, found '{'"));
  EXPECT_THAT(split_error("[{\"a\": 1}"), HasSubstr("starts at byte 1 does not end"));
  EXPECT_THAT(split_error("[{\"a\": 1"), HasSubstr("starts at byte 1 does not end"));
  EXPECT_THAT(split_error("[\"a"), HasSubstr("string that starts at byte 1 does not end"));
  EXPECT_THAT(split_error("[\"a\\"), HasSubstr("does not end"));
  EXPECT_THAT(split_error("[1,]"), HasSubstr("missing at byte 3"));
  EXPECT_THAT(split_error("[1}"), HasSubstr("at byte 2, found '}'"));
  EXPECT_THAT(split_error("[] []"), HasSubstr("follows the array at byte 3"));
}

class ExampleFileTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;

  ExampleFile open(const std::string& elements, const DatasetOptions& options = {}) const {
    return ExampleFile(folder_.write("data.json", "[" + elements + "]"), options);
  }
  /// Why the only example of the file is refused.
  std::string refusal(const std::string& element, Stage stage = Stage::finetune) const {
    return error_of([&] { open(element, {.stage = stage, .strict = true}); });
  }
};

TEST_F(ExampleFileTest, GivesTheExamplesOfTheReference) {
  const Json reference = read_json(testing::reference("dataset.json"));
  for (const bool align : {false, true}) {
    const Json& examples = reference[align ? "align_examples" : "finetune_examples"];
    const std::string path = folder_.write("data.json", examples.dump());
    const ExampleFile file(path, {.stage = align ? Stage::align : Stage::finetune});
    ASSERT_EQ(file.size(), static_cast<int64_t>(examples.size()));
    EXPECT_TRUE(file.skipped().empty());
    for (int64_t i = 0; i < file.size(); ++i) {
      const Example example = file.example(i);
      const Json& expected = examples[static_cast<size_t>(i)];
      EXPECT_EQ(example_json(example)["conversations"], expected["conversations"]);
      EXPECT_EQ(example.picture, expected.value("image", ""));
      EXPECT_EQ(example.id, expected["id"].get<std::string>());
    }
  }
}

TEST_F(ExampleFileTest, CountsWordsAsTheReference) {
  const Json reference = read_json(testing::reference("dataset.json"));
  const auto expect_lengths = [&](const char* examples, Stage stage, int64_t patches, const char* expected) {
    const ExampleFile file(folder_.write("data.json", reference[examples].dump()), {.stage = stage});
    Json lengths = Json::array();
    for (const ModalityLength& l : file.modality_lengths(patches))
      lengths.push_back({l.has_picture, l.length});
    EXPECT_EQ(lengths, reference[expected]);
  };
  expect_lengths("finetune_examples", Stage::finetune, 729, "modality_lengths_finetune");
  expect_lengths("align_examples", Stage::align, 729, "modality_lengths_align_n_patches_729");
}

TEST_F(ExampleFileTest, ListsWhatItSkips) {
  const std::string good = example_text("good", "q", "a");
  const ExampleFile file = open("{\"id\": \"empty\", \"conversations\": []}," + good +
                                ",{\"id\": 7, \"conversations\": \"\xff\"}, 5");
  ASSERT_EQ(file.size(), 1);
  EXPECT_EQ(file.example(0).id, "good");
  EXPECT_THAT(file.name(0), HasSubstr("data.json: example 1 (id 'good')"));
  ASSERT_EQ(file.skipped_count(), 3);
  EXPECT_EQ(file.skipped()[0].name, "example 0 (id 'empty')");
  EXPECT_EQ(file.skipped()[0].reason, "the conversation is empty");
  EXPECT_EQ(file.skipped()[1].name, "example 2 (id '7')");
  EXPECT_THAT(file.skipped()[1].reason, HasSubstr("ill-formed UTF-8"));
  EXPECT_EQ(file.skipped()[2].name, "example 3");
}

TEST_F(ExampleFileTest, RefusesWithTheExamplesName) {
  EXPECT_THAT(refusal("{\"id\": \"x\"}"),
              HasSubstr("data.json: example 0 (id 'x'): field 'conversations' must be"));
  const auto turns = [](const std::string& list) { return "{\"conversations\": [" + list + "]}"; };
  const std::string human = R"({"from": "human", "value": "q"})";
  EXPECT_THAT(refusal(turns(human)), HasSubstr("has no answer"));
  EXPECT_THAT(refusal(turns(human + "," + human)), HasSubstr("turn 1 must be from 'gpt'"));
  EXPECT_THAT(refusal(turns(human + R"(,{"from": "bot", "value": ""})")),
              HasSubstr("turn 1: field 'from' must be"));
  EXPECT_THAT(refusal(turns(human + R"(,{"from": "gpt", "value": 3})")),
              HasSubstr("turn 1: field 'value' must be"));
  EXPECT_THAT(refusal(turns(human + ",3")), HasSubstr("turn 1 must be an object"));
  EXPECT_THAT(refusal("{\"image\": \"\"" + turns(human).substr(1)), HasSubstr("data.json: example 0: "));
  EXPECT_THAT(refusal("{\"id\": [], " + turns(human).substr(1)),
              HasSubstr("'id' must be a string or a number"));
  EXPECT_THAT(error_of([&] { open("1, 2"); }), HasSubstr("no example is left of 2; the first: example 0: "));
}

TEST_F(ExampleFileTest, AlignNeedsOneCaptionOfAPicture) {
  EXPECT_THAT(refusal(example_text("x", "q", "a"), Stage::align), HasSubstr("needs a picture"));
  EXPECT_THAT(refusal(example_text("x", "q", "a <image>", "p.jpg"), Stage::align),
              HasSubstr("contains '<image>'"));
  EXPECT_EQ(refusal(example_text("x", "q", "a", "p.jpg"), Stage::align), "");
}

TEST_F(ExampleFileTest, LooksForPictures) {
  folder_.write("here.jpg", "x");
  const PictureFolder pictures(folder_.file(""));
  const ExampleFile file =
      open(example_text("a", "q", "a", "here.jpg") + "," + example_text("b", "q", "a", "gone.jpg") + "," +
               example_text("c", "q", "a", "../../etc/passwd"),
           {.pictures = &pictures});
  ASSERT_EQ(file.size(), 1);
  ASSERT_EQ(file.skipped_count(), 2);
  EXPECT_EQ(file.skipped()[0].name, "example 1 (id 'b')");
  EXPECT_EQ(file.skipped()[0].reason, "picture 'gone.jpg' is missing");
  EXPECT_THAT(file.skipped()[1].reason, HasSubstr("must stay below the picture folder"));
}

TEST_F(ExampleFileTest, AFolderWithoutAnyOfThePicturesIsTheWrongOne) {
  const PictureFolder pictures(folder_.file(""));
  const std::string text = example_text("t", "q", "a"), gone = "," + example_text("b", "q", "a", "gone.jpg");
  EXPECT_THAT(
      error_of([&] { open(text + gone + gone, {.pictures = &pictures}); }),
      HasSubstr("of 2 examples with a picture none has it where it was looked for; the first: example 1 "
                "(id 'b'): picture 'gone.jpg' is missing"));
  EXPECT_EQ(open(text, {.pictures = &pictures}).size(), 1);
}

/// The files that seed the fuzzer: examples, a list of skips, or one Error.
TEST_F(ExampleFileTest, SurvivesTheFuzzersSeeds) {
  std::map<std::string, std::string> errors;
  for (const auto& seed : std::filesystem::directory_iterator(COBRA_SOURCE_DIR "/fuzz/corpus/dataset")) {
    for (const Stage stage : {Stage::align, Stage::finetune}) {
      errors[seed.path().filename()] = error_of([&] { ExampleFile(seed.path(), {.stage = stage}); });
    }
  }
  EXPECT_EQ(errors.at("llava.json"), "");
  EXPECT_EQ(errors.at("escapes.json"), "");
  EXPECT_EQ(errors.at("skips.json"), "");
  EXPECT_THAT(errors.at("deep.json"), HasSubstr("nested deeper"));
  EXPECT_THAT(errors.at("equal_keys.json"), HasSubstr("appears twice"));
  EXPECT_THAT(errors.at("invalid_utf8.json"), HasSubstr("ill-formed UTF-8"));
  EXPECT_THAT(errors.at("unclosed.json"), HasSubstr("does not end"));
  EXPECT_THAT(errors.at("no_comma.json"), HasSubstr("follows the array"));
}

/// Twenty thousand bad examples: the list stays short, the count is right.
TEST_F(ExampleFileTest, ListsNoMoreThanAThousand) {
  std::string text = example_text("good", "q", "a");
  for (int i = 0; i < 20'000; ++i) text += ",0";
  const ExampleFile file = open(text);
  EXPECT_EQ(file.size(), 1);
  EXPECT_EQ(file.skipped_count(), 20'000);
  EXPECT_EQ(file.skipped().size(), ExampleFile::kMaxListed);
}

}  // namespace
}  // namespace cobra::data
