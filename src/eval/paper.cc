#include "eval/paper.h"

#include <limits>

namespace cobra::eval {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

PaperTable open_and_closed() {
  return {"Open-ended and closed-set benchmarks",
          "Table 2",
          {{"VQA-v2", "vqa-v2", "accuracy", 1},
           {"GQA", "gqa", "accuracy", 1},
           {"VizWiz", "vizwiz", "accuracy__VizWiz-Overall", 1},
           {"TextVQA", "text-vqa", "accuracy__TextVQA-OCR", 100},
           {"VSR", "vsr", "accuracy__VSR-ExactMatch", 100},
           {"POPE", "pope", "POPE-final-Accuracy", 100}},
          {{"Cobra-3.5B", {77.8, 62.3, 49.7, 58.2, 58.4, 88.4}},
           {"Cobra-8B", {79.2, 63.9, 56.2, 59.5, 62.9, 87.6}},
           {"LLaVA v1.5 (Vicuna-7B)", {78.5, 62.0, 50.0, 58.2, 51.5, 85.9}},
           {"MoE-LLaVA (Phi2-2.7B)", {79.9, 62.6, 43.7, 57.0, kNone, 85.7}},
           {"LLaVA-Phi", {71.4, kNone, 35.9, 48.6, kNone, 85.0}}}};
}

PaperTable grounding() {
  return {"Visual grounding",
          "Table 4",
          {{"RefCOCO", "refcoco", "accuracy__RefCOCO", 100, "RefCOCO"},
           {"RefCOCO+", "refcoco", "accuracy__RefCOCO+", 100, "RefCOCO+"},
           {"RefCOCOg", "refcoco", "accuracy__RefCOCOg", 100, "RefCOCOg"}},
          {{"Cobra-3.5B", {52.7, 45.6, 46.9}},
           {"Cobra-8B", {58.2, 52.5, 54.4}},
           {"LLaVA v1.5 (Vicuna-7B)", {55.1, 49.5, 50.9}}}};
}

/// The pinned prompt has the tokens before the question.
PaperTable ocr_tokens() {
  return {"TextVQA and its OCR tokens",
          "ablation of the prompt",
          {{"before the question", "text-vqa", "accuracy__TextVQA-OCR", 100},
           {"after the question", "", "", 100},
           {"none", "text-vqa", "accuracy__TextVQA-Pure", 100}},
          {{"Cobra-3.5B", {58.2, 43.0, 47.9}}}};
}

}  // namespace

const std::vector<PaperTable>& paper_tables() {
  static const std::vector<PaperTable> tables = {open_and_closed(), grounding(), ocr_tokens()};
  return tables;
}

const std::vector<PaperSpeed>& paper_speeds() {
  static const std::vector<PaperSpeed> speeds = {
      {"MoE-LLaVA", 20.33, 12.59, 576},        {"LLaVA-Phi", 40.89, 6.26, 576},
      {"MobileVLM v2", 49.50, 5.17, 144},      {"Cobra-3.5B", 166.47, 1.54, 729},
      {"Cobra-LDPv2-3.5B", 166.85, 1.53, 196}, {"Cobra-8B", 79.92, 3.20, 729}};
  return speeds;
}

}  // namespace cobra::eval
