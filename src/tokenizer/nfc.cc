// NFC by ICU, with long runs of combining marks put in canonical order first.
// ICU inserts each mark into its run by walking backwards, which is quadratic for a run in descending order,
// and a request may hold nothing but marks. A stable sort by combining class gives a canonically equivalent
// text (Unicode Standard, section 3.11), whose NFC is the same and which ICU passes through without walking.
// The tokenizers library normalises by Unicode 9.0, for which a younger mark is no mark: it neither moves nor
// lets others move past it. Text is therefore normalised between such characters, whatever the age of the
// ICU.
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <vector>

#include "base/fail.h"
#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 29;  // ICU counts in int32_t, and decomposing triples some text
constexpr size_t kLongRun = 32;                // real text has runs of a few marks
constexpr uint8_t kUnicodeVersion = 9;

const icu::Normalizer2& icu_form(const icu::Normalizer2* (*form)(UErrorCode&)) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = form(status);
  check(U_SUCCESS(status), "ICU: no normalisation data: {}", u_errorName(status));
  return *normalizer;
}

/// Whether `c` and all of its canonical decomposition are marks that reorder.
bool is_reordering_mark(char32_t c) {
  return c >= 0x300 &&
         u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_LEAD_CANONICAL_COMBINING_CLASS) != 0;
}

void append_ordered(const std::vector<char32_t>& run, std::string& out) {
  const icu::Normalizer2& nfd = icu_form(icu::Normalizer2::getNFDInstance);
  std::vector<char32_t> marks;
  for (const char32_t c : run) {
    icu::UnicodeString decomposition;
    if (!nfd.getDecomposition(static_cast<UChar32>(c), decomposition)) {
      marks.push_back(c);
      continue;
    }
    for (int32_t i = 0; i < decomposition.length(); i = decomposition.moveIndex32(i, 1)) {
      marks.push_back(static_cast<char32_t>(decomposition.char32At(i)));
    }
  }
  std::stable_sort(marks.begin(), marks.end(), [](char32_t a, char32_t b) {
    return u_getCombiningClass(static_cast<UChar32>(a)) < u_getCombiningClass(static_cast<UChar32>(b));
  });
  for (const char32_t c : marks) append_utf8(c, out);
}

std::string order_long_runs(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::vector<char32_t> run;
  size_t run_begin = 0;
  const auto end_run = [&](size_t end) {
    if (run.size() > kLongRun) {
      append_ordered(run, out);
    } else {
      out += text.substr(run_begin, end - run_begin);
    }
    run.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_code_point(text, at);
    if (is_reordering_mark(c)) {
      if (run.empty()) run_begin = begin;
      run.push_back(c);
      continue;
    }
    if (!run.empty()) end_run(begin);
    out += text.substr(begin, at - begin);
  }
  if (!run.empty()) end_run(text.size());
  return out;
}

void append_nfc(std::string_view text, std::string& out) {
  const std::string ordered = order_long_runs(text);
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  icu_form(icu::Normalizer2::getNFCInstance)
      .normalizeUTF8(0, icu::StringPiece(ordered.data(), static_cast<int32_t>(ordered.size())), sink, nullptr,
                     status);
  check(U_SUCCESS(status), "ICU: NFC failed: {}", u_errorName(status));
}

bool is_younger(char32_t c) {
  UVersionInfo age;  // 0.0 where the ICU knows no such character
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] > kUnicodeVersion;
}

/// Below U+0300 there are neither marks nor characters that NFC changes. (ICU's own quick check is quadratic,
/// too.)
bool is_latin(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<uint8_t>(byte) < 0xcc; });
}

}  // namespace

std::string to_nfc(std::string_view text) {
  check(text.size() < kMaxBytes, "text of {} bytes is too long to normalise (limit {})", text.size(),
        kMaxBytes);
  if (is_latin(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  size_t span_begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!is_younger(next_code_point(text, at))) continue;
    append_nfc(text.substr(span_begin, begin - span_begin), out);
    out += text.substr(begin, at - begin);
    span_begin = at;
  }
  append_nfc(text.substr(span_begin), out);
  return out;
}

}  // namespace cobra
