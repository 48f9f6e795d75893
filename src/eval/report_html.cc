// The report as one HTML page. All text goes through escape_html.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/paper.h"
#include "eval/report.h"
#include "eval/report_style.h"
#include "eval/report_text.h"

namespace cobra::eval {
namespace {

std::string element(const std::string& tag, const std::string& content) {
  return "<" + tag + ">" + content + "</" + tag.substr(0, tag.find(' ')) + ">";
}

/// Anchors are numbers: names of models may hold anything.
std::string anchor(size_t section) { return fmt::format("section-{}", section + 1); }

std::string heading(const ReportSection& section) {
  const std::string& title = section.benchmark->info().title;
  return escape_html(section.model == "This run" ? title : title + " · " + section.model);
}

std::string cell_html(const ReportCell& cell) {
  if (std::isnan(cell.percent)) return element("td", "–");
  return element("td", report_number(cell.percent, 2) +
                           element("span class=\"n\"",
                                   fmt::format("{} · {}", escape_html(cell.dataset), cell.questions)));
}

std::string paper_table_html(const Report& report, const PaperTable& table) {
  const std::vector<ReportRow> runs = rows_of(report, table);
  if (runs.empty()) return "";
  std::string head = element("th", "Model"), body;
  for (const PaperColumn& column : table.columns) head += element("th", escape_html(column.title));
  for (const ReportRow& row : runs) {
    std::string cells = element("td", escape_html(row.model));
    for (const ReportCell& cell : row.cells) cells += cell_html(cell);
    body += element("tr class=\"run\"", cells) + "\n";
  }
  for (const PaperRow& row : table.rows) {
    std::string cells = element("td", escape_html(row.model));
    for (const double value : row.values) cells += element("td", report_number(value, 1));
    body += element("tr", cells) + "\n";
  }
  return element("h3", escape_html(table.title)) +
         element("div class=\"scroll\"",
                 element("table", element("thead", element("tr", head)) + "\n" + element("tbody", body))) +
         element("p class=\"note\"",
                 fmt::format("Percent. Highlighted: this run, with its dataset and number of "
                             "questions; the others: {}, {}.",
                             kPaper, escape_html(table.source))) +
         "\n";
}

/// A bar where the number is a part of a whole.
std::string bar(double value, double scale) {
  const double percent = value * scale;
  const bool shown = percent >= 0 && percent <= 100;
  return shown ? fmt::format("<div style=\"width:{:.1f}%\"></div>", percent) : "";
}

std::string breakdown_html(const Breakdown& breakdown, double scale) {
  constexpr size_t kOpenRows = 12;
  std::string rows;
  for (const Row& row : breakdown.rows) {
    rows += element("tr", element("td", escape_html(row.label)) +
                              element("td", report_number(row.value * scale)) +
                              element("td class=\"bar\"", bar(row.value, scale)) +
                              element("td class=\"n\"", std::to_string(row.questions))) +
            "\n";
  }
  const bool open = breakdown.rows.size() <= kOpenRows;
  return element(
             open ? "details open" : "details",
             element("summary", fmt::format("{} ({})", escape_html(breakdown.name), breakdown.rows.size())) +
                 element("table", rows)) +
         "\n";
}

void summary_rows(const Json& summary, const std::string& prefix, std::string& rows) {
  for (const auto& [name, value] : summary.items()) {
    if (value.is_object()) continue;  // the breakdowns have those
    rows += element(
        "tr", element("td", escape_html(prefix + name)) + element("td", escape_html(json_words(value))));
  }
}

std::string facts_html(const ReportSection& section) {
  std::string official, run;
  summary_rows(section.summary, "", official);
  if (section.header.is_object()) summary_rows(section.header, "", run);
  std::string html =
      element("details open", element("summary", "Official numbers") + element("table", official));
  if (!run.empty()) html += element("details", element("summary", "The run") + element("table", run));
  return html + "\n";
}

std::string boxes_html(const std::vector<ReportBox>& boxes, const std::string& kind) {
  std::string html;
  for (const ReportBox& box : boxes) {
    html +=
        fmt::format("<i class=\"{}\" style=\"left:{:.2f}%;top:{:.2f}%;width:{:.2f}%;height:{:.2f}%\"></i>",
                    kind, box[0] * 100, box[1] * 100, (box[2] - box[0]) * 100, (box[3] - box[1]) * 100);
  }
  return html;
}

std::string picture_html(const ReportExample& example) {
  if (example.picture.empty()) return "";
  const std::string name = escape_html(example.picture);
  std::string inside = escape_html(example.no_picture);
  if (!example.data_uri.empty()) {
    const std::string image =
        fmt::format("<img src=\"{}\" alt=\"{}\" title=\"{}\">", example.data_uri, name, name);
    inside = element("div class=\"frame\"", image + boxes_html(example.true_boxes, "truth") +
                                                boxes_html(example.answered_boxes, "answered"));
  }
  return element("div class=\"picture\"", inside);
}

std::string definition(const std::string& term, const std::string& text, const std::string& tag = "dd") {
  return text.empty() ? "" : element("dt", escape_html(term)) + element(tag, escape_html(text));
}

/// `kind` is "right", "wrong" or "case".
std::string card_html(const ReportExample& example, const std::string& kind) {
  std::string list;
  for (const auto& [who, text] : example.replies) list += definition(who, text, "dd class=\"reply\"");
  list += definition("expected", example.truth);
  std::string words = element("b", escape_html(example.question));
  if (kind == "case") {
    const std::string title = example.kind.empty() ? example.id : example.kind + " · " + example.id;
    words = element("div class=\"n\"", escape_html(title)) + words;
  } else {
    list += definition("score", report_number(example.score) + " · question " + example.id, "dd class=\"n\"");
  }
  return element("article class=\"card " + kind + "\"",
                 picture_html(example) + element("div class=\"words\"", words + element("dl", list))) +
         "\n";
}

std::string gallery_html(const std::string& title, const std::vector<ReportExample>& examples,
                         const std::string& kind) {
  if (examples.empty()) return "";
  std::string cards;
  for (const ReportExample& example : examples) cards += card_html(example, kind);
  const char* tag = kind == "case" ? "div class=\"gallery wide\"" : "div class=\"gallery\"";
  return element("h3", title) + "\n" + element(tag, "\n" + cards) + "\n";
}

bool has_boxes(const std::vector<ReportExample>& examples) {
  return std::any_of(examples.begin(), examples.end(), [](const ReportExample& example) {
    return !example.true_boxes.empty() && !example.data_uri.empty();
  });
}

std::string section_html(const ReportSection& section, size_t place) {
  std::string html = element(fmt::format("h2 id=\"{}\"", anchor(place)), heading(section));
  std::string note = fmt::format("{}: {} questions", escape_html(section.dataset), section.questions);
  if (section.failed) note += fmt::format(", of which {} have no answer and count as wrong", section.failed);
  html += element("p class=\"note\"", note) + "\n";
  std::string tables = facts_html(section);
  for (const Breakdown& breakdown : section.breakdowns) {
    tables += breakdown_html(breakdown, section.benchmark->info().headline_scale);
  }
  html += element("div class=\"columns\"", tables) + "\n";
  if (has_boxes(section.right) || has_boxes(section.wrong)) {
    html +=
        element("p class=\"note\"", "Boxes: solid green is the expected one, dashed red the answer.") + "\n";
  }
  html += gallery_html("Right answers", section.right, "right");
  return html + gallery_html("Wrong answers", section.wrong, "wrong");
}

std::string cases_html(const Report& report) {
  if (report.cases.empty()) return "";
  return element("h2 id=\"cases\"", "Qualitative cases") +
         element(
             "p class=\"note\"",
             fmt::format(
                 "Questions that the paper shows by example: spatial relations (its Table 6 asks \"Is the "
                 "bicycle parked to the right of the dog?\") and illusions ({}).",
                 kPaper)) +
         gallery_html("Answers", report.cases, "case");
}

std::string navigation(const Report& report) {
  std::string links;
  for (size_t i = 0; i < report.sections.size(); ++i) {
    links += element(fmt::format("a href=\"#{}\"", anchor(i)), heading(report.sections[i]));
  }
  if (!report.cases.empty()) links += element("a href=\"#cases\"", "Qualitative cases");
  return element("nav", links) + "\n";
}

}  // namespace

std::string report_html(const Report& report) {
  std::string body = element("h1", "Evaluation report") +
                     element("p class=\"note\"",
                             "Official scores of each benchmark. Numbers of different splits, or "
                             "of a slim set and a full one, do not compare.") +
                     navigation(report);
  for (const PaperTable& table : paper_tables()) body += paper_table_html(report, table);
  for (size_t i = 0; i < report.sections.size(); ++i) body += section_html(report.sections[i], i);
  body += cases_html(report);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">\n<title>Evaluation report</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n{}\n"
      "</main>\n</body>\n</html>\n",
      kReportStyle, body);
}

}  // namespace cobra::eval
