#include "eval/benchmark.h"

#include <fmt/ranges.h>

#include "base/fail.h"
#include "eval/benchmarks/families.h"
#include "eval/fields.h"
#include "eval/messages.h"

namespace cobra::eval {

std::string Benchmark::picture_path(std::string_view name) const {
  return fmt::format("download/{}/{}{}{}", info_.family, info_.pictures, info_.pictures.empty() ? "" : "/",
                     name);
}

std::vector<Ask> Benchmark::asks(const Json& entry, const std::string& place) const {
  return {{output_field(), short_answer_message(json_text(entry, "question", place))}};
}

Json Benchmark::result(const Json& entry, const std::vector<Json>& outputs, const std::string& place) const {
  return {{info_.id_field, field(entry, info_.id_field, place)},
          {"question", field(entry, "question", place)},
          {output_field(), outputs[0]},
          {"ground_truth_answer", field(entry, "answer", place)}};
}

std::vector<Json> Benchmark::failed_outputs(const Json& entry, const std::string& place) const {
  return std::vector<Json>(asks(entry, place).size(), "");
}

std::vector<OutputFile> Benchmark::leaderboard_files(const Dataset&, const Results&) const { return {}; }

const std::vector<const Benchmark*>& benchmarks() {
  static const std::vector<const Benchmark*> all = {&vqa_v2(), &gqa(),  &vizwiz(),   &text_vqa(),
                                                    &vsr(),    &pope(), &tally_qa(), &refcoco()};
  return all;
}

const Benchmark& find_benchmark(std::string_view family) {
  std::vector<std::string> known;
  for (const Benchmark* benchmark : benchmarks()) {
    if (benchmark->info().family == family) return *benchmark;
    known.push_back(benchmark->info().family);
  }
  fail("no benchmark '{}': choose one of {}", printable(family), fmt::join(known, ", "));
}

}  // namespace cobra::eval
