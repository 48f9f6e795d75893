// The log of a run: see results.h for its format.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "base/fail.h"
#include "base/file.h"
#include "eval/python_json.h"
#include "eval/results.h"

namespace cobra::eval {
namespace {

constexpr int64_t kLogVersion = 1;
constexpr int64_t kMaxLogBytes = int64_t{2} << 30;
constexpr size_t kShownValueBytes = 200;

std::string line_of(const Json& value) { return python_json(value) + "\n"; }

Json as_json(const Answer& answer) {
  Json line = {{"index", answer.index}, {"id", answer.id}};
  if (answer.error.empty()) {
    line["outputs"] = answer.outputs;
  } else {
    line["error"] = answer.error;
  }
  return line;
}

Answer as_answer(const Json& line, const std::string& place) {
  Answer answer{json_integer(line, "index", place),
                json_text(line, "id", place),
                {},
                json_text(line, "error", place, "")};
  check(answer.index >= 0, "{}: field 'index' must not be negative", place);
  if (!answer.error.empty()) return answer;
  for (const Json& output : array_field(line, "outputs", place)) answer.outputs.push_back(output);
  return answer;
}

void check_header(const Json& header, const std::string& path) {
  check(header.is_object() && header.contains("cobra_results"),
        "{}: not a results log: its first line has no field 'cobra_results'", path);
  const int64_t version = json_integer(header, "cobra_results", path);
  check(version == kLogVersion, "{}: results log version {} is not supported", path, version);
  json_text(header, "benchmark", path);
  json_text(header, "dataset", path);
  json_integer(header, "questions", path);
  parse_shard(json_text(header, "shard", path));
}

struct Difference {
  std::string key, first, second;  // the values as text
};

/// The first member that two headers do not share, whatever their order. `except` may differ.
std::optional<Difference> difference(const Json& first, const Json& second, std::string_view except = "") {
  const auto text = [](const Json& header, const std::string& key) {
    const auto found = header.find(key);
    return found == header.end() ? "missing" : printable(found->dump(-1, ' ', true), kShownValueBytes);
  };
  for (const Json* header : {&first, &second}) {
    for (const auto& [key, value] : header->get_ref<const Json::object_t&>()) {
      const bool same = first.contains(key) && second.contains(key) && first[key] == second[key];
      if (key != except && !same) return Difference{printable(key), text(first, key), text(second, key)};
    }
  }
  return std::nullopt;
}

void check_same_run(const ResultsLog& a, const ResultsLog& b, const std::string& path_a,
                    const std::string& path_b) {
  const auto found = difference(a.header, b.header, "shard");
  if (!found) return;
  fail("{} and {} are of different runs: '{}' is {} in the first and {} in the second", path_a, path_b,
       found->key, found->first, found->second);
}

void check_resumable(const Json& there, const Json& here, const std::string& path) {
  const auto found = difference(there, here);
  if (!found) return;
  fail("{}: cannot be resumed: it is of another run, whose '{}' is {}, and this one's {}", path, found->key,
       found->first, found->second);
}

/// Splits off the next complete line; false where there is none.
bool next_line(std::string_view& text, std::string_view& line) {
  const size_t end = text.find('\n');
  if (end == text.npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

ResultsLog parse_log(std::string_view text, const std::string& path) {
  ResultsLog log;
  std::map<std::string, size_t> places;
  std::string_view line;
  for (int64_t number = 1; next_line(text, line); ++number) {
    const std::string place = fmt::format("{}: line {}", path, number);
    const Json value = parse_json(line, place);
    if (number == 1) {
      check_header(value, path);
      log.header = value;
      continue;
    }
    log.answers.push_back(as_answer(value, place));
    const std::string& id = log.answers.back().id;
    const auto [first, is_new] = places.emplace(id, log.answers.size() - 1);
    if (is_new) continue;
    Answer& earlier = log.answers[first->second];
    check(!earlier.error.empty(), "{}: question '{}' is answered twice", place, printable(id));
    earlier = std::move(log.answers.back());  // asked again: a run that was resumed
    log.answers.pop_back();
  }
  check(!log.header.is_null(), "{}: not a results log: no complete line", path);
  return log;
}

/// Fails unless the shards 0 to n - 1 are there once each.
void check_shards(const std::vector<ResultsLog>& logs, const std::vector<std::string>& paths) {
  const int64_t count = parse_shard(logs[0].header["shard"].get<std::string>()).count;
  std::vector<const std::string*> owner(static_cast<size_t>(count));
  for (size_t i = 0; i < logs.size(); ++i) {
    const Shard shard = parse_shard(logs[i].header["shard"].get<std::string>());
    check(shard.count == count, "{}: is one of {} shards, but {} is one of {}", paths[i], shard.count,
          paths[0], count);
    const std::string*& place = owner[static_cast<size_t>(shard.index)];
    if (place) fail("{} and {} are both shard {}/{}", *place, paths[i], shard.index, count);
    place = &paths[i];
  }
  const auto missing = std::find(owner.begin(), owner.end(), nullptr);
  check(missing == owner.end(), "shard {}/{} is missing", missing - owner.begin(), count);
}

/// Fails unless every question is answered once. `answers` are in index order.
void check_complete(const ResultsLog& log) {
  const int64_t questions = log.header["questions"].get<int64_t>();
  for (size_t i = 0; i < log.answers.size(); ++i) {
    const int64_t index = log.answers[i].index;
    const auto expected = static_cast<int64_t>(i);
    check(index >= expected, "question {} ('{}') is answered in two shards", index,
          printable(log.answers[i].id));
    check(index == expected, "question {} has no answer: resume its shard first", expected);
  }
  const auto answered = static_cast<int64_t>(log.answers.size());
  check(answered >= questions, "question {} has no answer: resume its shard first", answered);
  check(answered == questions, "{} answers to {} questions", answered, questions);
}

}  // namespace

Shard parse_shard(std::string_view text) {
  Shard shard;
  const size_t slash = std::min(text.find('/'), text.size());
  const auto read = [](std::string_view digits, int64_t& number) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  const bool numbers = slash < text.size() && read(text.substr(0, slash), shard.index) &&
                       read(text.substr(slash + 1), shard.count);
  constexpr int64_t kMaxShards = 1 << 20;
  check(numbers && shard.index >= 0 && shard.index < shard.count && shard.count <= kMaxShards,
        "'{}' is no shard: expected i/n with 0 <= i < n", printable(text));
  return shard;
}

Json log_header(const Dataset& dataset, const Shard& shard) {
  return {{"cobra_results", kLogVersion},
          {"benchmark", dataset.benchmark->info().family},
          {"dataset", dataset.id},
          {"questions", dataset.entries.size()},
          {"shard", fmt::format("{}/{}", shard.index, shard.count)}};
}

ResultsLog read_log(const std::string& path) { return parse_log(read_file(path, kMaxLogBytes), path); }

std::string log_text(const ResultsLog& log) {
  std::string text = line_of(log.header);
  for (const Answer& answer : log.answers) text += line_of(as_json(answer));
  return text;
}

ResultsLog merge_logs(const std::vector<std::string>& paths) {
  check(!paths.empty(), "no results logs to merge");
  std::vector<ResultsLog> logs;
  for (const std::string& path : paths) {
    logs.push_back(read_log(path));
    check_same_run(logs[0], logs.back(), paths[0], path);
  }
  check_shards(logs, paths);
  ResultsLog merged{logs[0].header, {}};
  merged.header["shard"] = "0/1";
  for (ResultsLog& log : logs) {
    std::move(log.answers.begin(), log.answers.end(), std::back_inserter(merged.answers));
  }
  std::stable_sort(merged.answers.begin(), merged.answers.end(),
                   [](const Answer& a, const Answer& b) { return a.index < b.index; });
  check_complete(merged);
  return merged;
}

LogWriter::LogWriter(std::string path, const Json& header, bool resume)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "a"), &std::fclose) {
  check(file_ != nullptr, "{}: cannot write: {}", path_, std::strerror(errno));
  check(flock(fileno(file_.get()), LOCK_EX | LOCK_NB) == 0, "{}: another run is writing to it", path_);
  std::string text = resume ? read_file(path_, kMaxLogBytes) : "";
  const bool has_lines = text.find('\n') != text.npos;
  check(has_lines || line_of(header).starts_with(text), "{}: not a results log", path_);
  text.resize(has_lines ? text.rfind('\n') + 1 : 0);  // without a line cut short
  if (!text.empty()) {
    ResultsLog log = parse_log(text, path_);
    check_resumable(log.header, header, path_);
    earlier_ = std::move(log.answers);
  }
  std::filesystem::resize_file(path_, text.size());
  if (text.empty()) write(line_of(header));
}

void LogWriter::append(const Answer& answer) { write(line_of(as_json(answer))); }

void LogWriter::write(const std::string& line) {
  const bool written =
      std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() && std::fflush(file_.get()) == 0;
  check(written, "{}: cannot write: {}", path_, std::strerror(errno));
}

}  // namespace cobra::eval
