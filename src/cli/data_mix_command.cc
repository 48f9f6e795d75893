// cobra data mix: the paper's training mixture from its published parts.
#include <memory>

#include "base/fail.h"
#include "cli/data_command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cobra/runtime.h"
#include "data/mixture.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra data mix --llava llava_v1_5_mix665k.json --lvis lvis_instruct4v_220k.json \\\n"
    "      --lrv lrv/filter_cap1.json --lrv lrv/filter_cap_more1.json \\\n"
    "      --lrv-charts lrv/chart_release_update.json --images . -o mix1231k.json\n"
    "  cobra data mix --llava llava_v1_5_mix665k.json --images . --multimodal-only -o mix625k.json\n"
    "Examples whose picture is missing or broken, and records that are not as published, are left out and\n"
    "listed in FILE.left-out.jsonl. The order is that of the official scripts, whose seed is 7.";

struct MixFlags {
  std::vector<std::string> llava, lvis, lrv, lrv_charts;
  std::string images;
  std::string report;
  int64_t seed = data::kMixSeed;
  int64_t threads = 0;
  bool only_look = false;
  bool json = false;
  data::MixOptions options;
};

void add_files(std::vector<data::MixFile>& files, data::MixSource source,
               const std::vector<std::string>& paths) {
  for (const std::string& path : paths) files.push_back({source, path});
}

data::MixOptions mix_options(const MixFlags& flags) {
  data::MixOptions options = flags.options;
  add_files(options.files, data::MixSource::llava, flags.llava);
  add_files(options.files, data::MixSource::lvis, flags.lvis);
  add_files(options.files, data::MixSource::lrv, flags.lrv);
  add_files(options.files, data::MixSource::lrv_chart, flags.lrv_charts);
  if (options.files.empty())
    throw UsageError("at least one of --llava, --lvis, --lrv and --lrv-charts is needed");
  options.report = flags.report.empty() ? options.output + ".left-out.jsonl" : flags.report;
  options.seed = static_cast<uint32_t>(flags.seed);
  options.pictures.decode = !flags.only_look;
  RuntimeOptions runtime;
  runtime.threads = static_cast<int>(flags.threads);
  options.pictures.threads = Runtime(runtime).threads();
  return options;
}

Json report_json(const data::MixReport& report) {
  Json sources = Json::object();
  for (size_t i = 0; i < report.sources.size(); ++i) {
    const auto& [records, examples] = report.sources[i];
    if (records == 0) continue;
    sources[std::string(title(static_cast<data::MixSource>(i)))] = {{"records", records},
                                                                    {"examples", examples}};
  }
  return {{"examples", report.examples},
          {"with_picture", report.with_picture},
          {"text_only_left_out", report.text_only_left_out},
          {"bad_records", report.bad_records},
          {"missing_pictures", report.missing_pictures},
          {"broken_pictures", report.broken_pictures},
          {"sources", sources}};
}

void print_report(const data::MixReport& report) {
  for (size_t i = 0; i < report.sources.size(); ++i) {
    const auto& [records, examples] = report.sources[i];
    if (records == 0) continue;
    print(fmt::format("{:<20} {:>9} records {:>9} examples\n", title(static_cast<data::MixSource>(i)),
                      records, examples));
  }
  print(fmt::format("{} examples, {} with a picture\n", report.examples, report.with_picture));
}

void warn(const data::MixReport& report, const std::string& path) {
  const int64_t left_out = report.bad_records + report.missing_pictures + report.broken_pictures;
  if (left_out == 0) return;
  say(fmt::format(
      "warning: {} examples left out: {} with a missing picture, {} with a broken one, {} not as "
      "published; {} lists them\n",
      left_out, report.missing_pictures, report.broken_pictures, report.bad_records, printable(path, 1000)));
}

void run_mix(const MixFlags& flags) {
  data::MixOptions options = mix_options(flags);
  const data::PictureFolder folder(flags.images);
  if (!flags.images.empty()) options.pictures.folder = &folder;
  ProgressLine progress("mixing");
  options.pictures.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  const data::MixReport report = data::mix(options);
  progress.finish();
  warn(report, options.report);
  if (flags.json) return print(json_line(report_json(report)));
  print_report(report);
}

}  // namespace

void add_data_mix_command(CLI::App& data) {
  CLI::App* command =
      data.add_subcommand("mix", "Make the paper's training mixture from its published parts");
  const auto flags = std::make_shared<MixFlags>();
  const auto add_sources = [&](const char* flag, std::vector<std::string>& paths, const char* description) {
    command->add_option(flag, paths, description)->type_name("FILE")->expected(1)->take_all();
  };
  add_sources("--llava", flags->llava, "LLaVA-1.5: llava_v1_5_mix665k.json");
  add_sources("--lvis", flags->lvis, "LVIS-Instruct-4V: lvis_instruct4v_220k.json");
  add_sources("--lrv", flags->lrv, "LRV-Instruct: filter_cap1.json, filter_cap_more1.json (twice this flag)");
  add_sources("--lrv-charts", flags->lrv_charts, "LRV-Instruct: chart_release_update.json");
  data::LrvFolders& folders = flags->options.lrv_folders;
  command->add_option("--images", flags->images, "Folder of all pictures; without it they are not looked for")
      ->type_name("DIR");
  command->add_option("--lrv-images", folders.photos, "Where it has LRV's photos")
      ->capture_default_str()
      ->type_name("DIR");
  command->add_option("--chart-images", folders.charts, "Where it has LRV's charts")
      ->capture_default_str()
      ->type_name("DIR");
  command->add_flag("--only-look", flags->only_look,
                    "Only look whether pictures are there; do not decode them");
  command->add_flag("--multimodal-only", flags->options.multimodal_only,
                    "Leave out examples without a picture");
  add_integer(*command, "--seed", flags->seed, 0, UINT32_MAX, "Of the shuffling");
  command->add_option("-o,--output", flags->options.output, "Mixture to write (JSON)")
      ->required()
      ->type_name("FILE");
  command->add_option("--report", flags->report, "What was left out (default: FILE.left-out.jsonl)")
      ->type_name("FILE");
  add_integer(*command, "--threads", flags->threads, 0, 1024, "Threads; 0: one for each core");
  command->add_flag("--json", flags->json, "Counts as JSON");
  command->footer(kExamples);
  command->callback([flags] { run_mix(*flags); });
}

}  // namespace cobra
