// The report as Markdown: the same numbers and answers; pictures by name.
#include <fmt/format.h>

#include <cmath>

#include "eval/paper.h"
#include "eval/report.h"
#include "eval/report_text.h"

namespace cobra::eval {
namespace {

std::string table_head(const std::vector<std::string>& titles) {
  std::string head = "|", rule = "|";
  for (size_t i = 0; i < titles.size(); ++i) {
    head += " " + titles[i] + " |";
    rule += i == 0 ? "---|" : "---:|";
  }
  return head + "\n" + rule + "\n";
}

std::string paper_table(const Report& report, const PaperTable& table) {
  const std::vector<ReportRow> runs = rows_of(report, table);
  if (runs.empty()) return "";
  std::vector<std::string> titles = {"Model"};
  for (const PaperColumn& column : table.columns) titles.push_back(escape_markdown(column.title));
  std::string text = fmt::format("## {}\n\n", escape_markdown(table.title)) + table_head(titles);
  for (const ReportRow& row : runs) {
    text += fmt::format("| **{}** |", escape_markdown(row.model));
    for (const ReportCell& cell : row.cells) {
      text += std::isnan(cell.percent) ? " – |" : fmt::format(" **{:.2f}** |", cell.percent);
    }
    text += "\n";
  }
  for (const PaperRow& row : table.rows) {
    text += fmt::format("| {} |", escape_markdown(row.model));
    for (const double value : row.values) text += fmt::format(" {} |", report_number(value, 1));
    text += "\n";
  }
  return text + fmt::format("\nPercent. Bold: this run; the others: {}, {}.\n\n", kPaper, table.source);
}

std::string breakdown_text(const Breakdown& breakdown, double scale) {
  std::string text = table_head({escape_markdown(breakdown.name), "score", "questions"});
  for (const Row& row : breakdown.rows) {
    text += fmt::format("| {} | {} | {} |\n", escape_markdown(row.label), report_number(row.value * scale),
                        row.questions);
  }
  return text + "\n";
}

std::string numbers(const Json& object, const std::string& title) {
  std::string text = table_head({title, ""});
  for (const auto& [name, value] : object.items()) {
    if (value.is_object()) continue;
    text += fmt::format("| {} | {} |\n", escape_markdown(name), escape_markdown(json_words(value)));
  }
  return text + "\n";
}

std::string example_text(const ReportExample& example) {
  std::string text = fmt::format("- **{}**\n", escape_markdown(example.question));
  for (const auto& [who, reply] : example.replies) {
    text += fmt::format("  - {}: {}\n", escape_markdown(who), escape_markdown(reply));
  }
  if (!example.truth.empty()) text += fmt::format("  - expected: {}\n", escape_markdown(example.truth));
  if (!example.picture.empty()) {
    text += fmt::format("  - picture: {}{}\n", escape_markdown(example.picture),
                        example.no_picture.empty() ? "" : " (" + example.no_picture + ")");
  }
  return text;
}

std::string gallery_text(const std::string& title, const std::vector<ReportExample>& examples) {
  if (examples.empty()) return "";
  std::string text = fmt::format("### {}\n\n", title);
  for (const ReportExample& example : examples) text += example_text(example);
  return text + "\n";
}

std::string section_text(const ReportSection& section) {
  const BenchmarkInfo& info = section.benchmark->info();
  std::string text = fmt::format("## {}: {}\n\n{}: {} questions, {} without an answer.\n\n", info.title,
                                 escape_markdown(section.model), escape_markdown(section.dataset),
                                 section.questions, section.failed);
  text += numbers(section.summary, "official number");
  if (section.header.is_object()) text += numbers(section.header, "the run");
  for (const Breakdown& breakdown : section.breakdowns)
    text += breakdown_text(breakdown, info.headline_scale);
  return text + gallery_text("Right answers", section.right) + gallery_text("Wrong answers", section.wrong);
}

std::string case_text(const ReportExample& example) {
  const std::string kind = example.kind.empty() ? "" : example.kind + ", ";
  return fmt::format("### {}{}\n\n{}\n", escape_markdown(kind), escape_markdown(example.id),
                     example_text(example));
}

}  // namespace

std::string report_markdown(const Report& report) {
  std::string text = "# Evaluation report\n\n";
  for (const PaperTable& table : paper_tables()) text += paper_table(report, table);
  for (const ReportSection& section : report.sections) text += section_text(section);
  if (!report.cases.empty()) text += "## Qualitative cases\n\n";
  for (const ReportExample& example : report.cases) text += case_text(example);
  return text;
}

}  // namespace cobra::eval
