// Tests of the log of a run: what is written is read, torn ends, resuming, merging, hostile logs.
#include <gmock/gmock.h>

#include "eval/results.h"
#include "formats/test_files.h"

namespace cobra::eval {
namespace {

using cobra::testing::error_of;
using cobra::testing::file_bytes;
using ::testing::HasSubstr;

class ResultsLogTest : public cobra::testing::FormatsTest {
 protected:
  ResultsLogTest() {
    for (int i = 0; i < 4; ++i) dataset_.entries.push_back({std::to_string(10 + i), Json::object()});
  }

  Json header(const std::string& shard = "0/1") const {
    Json header = log_header(dataset_, parse_shard(shard));
    header["model"] = "abc";
    return header;
  }

  static Answer answer(int64_t index) { return {index, std::to_string(10 + index), {"a \u00e9"}, ""}; }

  std::string write_log(const std::string& name, const std::string& shard,
                        const std::vector<int64_t>& indices) const {
    LogWriter writer(path(name), header(shard), /*resume=*/false);
    for (const int64_t index : indices) writer.append(answer(index));
    return path(name);
  }

  std::string read_error(const std::string& text) const {
    const std::string file = write("bad.jsonl", text);
    return error_of([&] { read_log(file); });
  }

  std::string merge_error(const std::vector<std::string>& paths) const {
    return error_of([&] { merge_logs(paths); });
  }

  Dataset dataset_{&find_benchmark("gqa"), "gqa-full", "", "index.json", {}, ""};
};

TEST_F(ResultsLogTest, WritesWhatItReads) {
  const std::string log_path = path("a.jsonl");
  {
    LogWriter writer(log_path, header(), false);
    writer.append(answer(0));
    writer.append({1, "11", {}, "x.jpg: broken"});
  }
  EXPECT_EQ(file_bytes(log_path),
            "{\"cobra_results\": 1, \"benchmark\": \"gqa\", \"dataset\": \"gqa-full\", \"questions\": 4, "
            "\"shard\": \"0/1\", \"model\": \"abc\"}\n"
            "{\"index\": 0, \"id\": \"10\", \"outputs\": [\"a \\u00e9\"]}\n"
            "{\"index\": 1, \"id\": \"11\", \"error\": \"x.jpg: broken\"}\n");
  const ResultsLog log = read_log(log_path);
  EXPECT_EQ(log_text(log), file_bytes(log_path));
  EXPECT_EQ(log.answers[0].outputs[0], "a \u00e9");
  EXPECT_EQ(log.answers[1].error, "x.jpg: broken");
}

TEST_F(ResultsLogTest, ResumesAfterEveryCut) {
  const std::string whole = file_bytes(write_log("whole.jsonl", "0/1", {0, 1, 2, 3}));
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    const std::string file = write("cut.jsonl", whole.substr(0, cut));
    {
      LogWriter writer(file, header(), /*resume=*/true);
      for (auto i = static_cast<int64_t>(writer.earlier().size()); i < 4; ++i) writer.append(answer(i));
    }
    ASSERT_EQ(file_bytes(file), whole) << cut;
  }
}

TEST_F(ResultsLogTest, ResumesOnlyTheSameRun) {
  const std::string file = write_log("a.jsonl", "0/1", {0});
  Json other = header();
  other["model"] = "abd";
  EXPECT_THAT(
      error_of([&] { LogWriter(file, other, true); }),
      HasSubstr("a.jsonl: cannot be resumed: it is of another run, whose 'model' is \"abc\", and this "
                "one's \"abd\""));
  other = header();
  other["seed"] = 0;
  EXPECT_THAT(error_of([&] { LogWriter(file, other, true); }),
              HasSubstr("whose 'seed' is missing, and this one's 0"));
  EXPECT_EQ(read_log(file).answers.size(), 1U);
  LogWriter(file, other, /*resume=*/false);  // starts anew
  EXPECT_EQ(read_log(file).answers.size(), 0U);
}

TEST_F(ResultsLogTest, OneWriterAtATime) {
  const LogWriter first(path("a.jsonl"), header(), false);
  const std::string written = file_bytes(path("a.jsonl"));
  for (const bool resume : {true, false}) {
    EXPECT_THAT(error_of([&] { LogWriter(path("a.jsonl"), header(), resume); }), HasSubstr("another run"));
    EXPECT_EQ(file_bytes(path("a.jsonl")), written) << "the refused writer leaves it as it is";
  }
}

TEST_F(ResultsLogTest, MergeDoesNotDependOnTheShards) {
  const std::string whole = write_log("whole.jsonl", "0/1", {0, 1, 2, 3});
  const std::string a = write_log("a.jsonl", "0/2", {3, 0}), b = write_log("b.jsonl", "1/2", {2, 1});
  EXPECT_EQ(log_text(merge_logs({b, a})), file_bytes(whole));
  EXPECT_EQ(log_text(merge_logs({whole})), file_bytes(whole));
}

TEST_F(ResultsLogTest, MergeNeedsAllShardsOfOneRun) {
  const std::string a = write_log("a.jsonl", "0/2", {0, 1}), b = write_log("b.jsonl", "1/2", {2});
  EXPECT_THAT(merge_error({a}), HasSubstr("shard 1/2 is missing"));
  EXPECT_THAT(merge_error({a, a}), HasSubstr("are both shard 0/2"));
  EXPECT_THAT(merge_error({a, b}), HasSubstr("question 3 has no answer: resume its shard first"));
  EXPECT_THAT(merge_error({a, write_log("c.jsonl", "1/2", {1, 2, 3})}),
              HasSubstr("is answered in two shards"));
  EXPECT_THAT(merge_error({a, write_log("d.jsonl", "1/3", {2, 3})}), HasSubstr("is one of 3 shards"));
  const std::string other = write("e.jsonl",
                                  "{\"cobra_results\":1,\"benchmark\":\"gqa\",\"dataset\":\"gqa-full\","
                                  "\"questions\":4,\"shard\":\"1/2\",\"model\":\"other\"}\n");
  EXPECT_THAT(merge_error({a, other}), HasSubstr("e.jsonl are of different runs: 'model' is \"abc\" in the "
                                                 "first and \"other\" in the second"));
}

TEST_F(ResultsLogTest, HostileLogs) {
  const std::string head = file_bytes(write_log("a.jsonl", "0/1", {}));
  EXPECT_THAT(read_error(""), HasSubstr("no complete line"));
  EXPECT_THAT(read_error("{}\n"), HasSubstr("has no field 'cobra_results'"));
  EXPECT_THAT(read_error("[1]\n"), HasSubstr("not a results log"));
  EXPECT_THAT(read_error("{\"cobra_results\": 2}\n"), HasSubstr("version 2 is not supported"));
  EXPECT_THAT(read_error(head + "nonsense\n"), HasSubstr("bad.jsonl: line 2: not valid JSON"));
  EXPECT_THAT(read_error(head + "{\"index\": \"0\"}\n"),
              HasSubstr("line 2: field 'index' must be an integer"));
  EXPECT_THAT(read_error(head + "{\"index\": -1, \"id\": \"x\", \"outputs\": []}\n"), HasSubstr("negative"));
  EXPECT_THAT(read_error(head + "{\"index\": 0, \"id\": \"x\"}\n"), HasSubstr("field 'outputs' is missing"));
  const std::string line = "{\"index\": 0, \"id\": \"10\", \"outputs\": [\"\"]}\n";
  EXPECT_THAT(read_error(head + line + line), HasSubstr("line 3: question '10' is answered twice"));
}

TEST(Shard, IsIOfN) {
  EXPECT_EQ(parse_shard("2/3").index, 2);
  for (const char* text : {"", "1", "3/3", "-1/2", "0/0", "a/2", "0/2x", "0/99999999999"}) {
    EXPECT_THAT(error_of([&] { parse_shard(text); }), HasSubstr("is no shard")) << text;
  }
}

}  // namespace
}  // namespace cobra::eval
