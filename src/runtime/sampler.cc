#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/fail.h"

namespace cobra {
namespace {

/// Softmax over logits that are sorted from the largest.
void to_probabilities(std::vector<TokenProbability>& sorted, double temperature) {
  const double largest = sorted.front().second;
  double sum = 0;
  for (auto& [id, value] : sorted) sum += value = std::exp((value - largest) / temperature);
  for (auto& [id, value] : sorted) value /= sum;
}

/// Drops, from the least likely upwards, the tokens whose cumulative probability is at most 1 - top_p.
void keep_top_p(std::vector<TokenProbability>& sorted, double top_p) {
  double cumulative = 0;
  while (sorted.size() > 1) {
    cumulative += sorted.back().second;
    if (cumulative > 1.0 - top_p) break;
    sorted.pop_back();
  }
}

void renormalize(std::vector<TokenProbability>& tokens) {
  double sum = 0;
  for (const auto& [id, p] : tokens) sum += p;
  for (auto& [id, p] : tokens) p /= sum;
}

}  // namespace

int32_t argmax(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] > logits[best] || std::isnan(logits[best])) best = i;
  }
  return static_cast<int32_t>(best);
}

Sampler::Sampler(const SamplingOptions& o) : options_(o), random_(o.seed) {
  check(std::isfinite(o.temperature) && o.temperature >= 0, "temperature: expected a number >= 0, found {}",
        o.temperature);
  check(o.top_k >= 0, "top-k: expected a number >= 0, found {}", o.top_k);
  check(o.top_p >= 0 && o.top_p <= 1, "top-p: expected 0 to 1, found {}", o.top_p);
  check(o.min_p >= 0 && o.min_p <= 1, "min-p: expected 0 to 1, found {}", o.min_p);
  check(std::isfinite(o.repetition_penalty) && o.repetition_penalty > 0,
        "repetition-penalty: expected a number > 0, found {}", o.repetition_penalty);
}

std::vector<float> Sampler::penalized(std::span<const float> logits,
                                      std::span<const int32_t> previous) const {
  std::vector<float> scores(logits.begin(), logits.end());
  const auto penalty = static_cast<float>(options_.repetition_penalty);
  for (const int32_t id : previous) {
    if (static_cast<size_t>(id) >= scores.size()) continue;
    const float score =
        logits[static_cast<size_t>(id)];  // from the original, so that a repeated id counts once
    scores[static_cast<size_t>(id)] = score > 0 ? score / penalty : score * penalty;
  }
  return scores;
}

std::vector<TokenProbability> Sampler::distribution(std::span<const float> logits,
                                                    std::span<const int32_t> previous) const {
  std::vector<float> changed;
  if (options_.repetition_penalty != 1.0) logits = changed = penalized(logits, previous);
  if (options_.is_greedy()) return {{argmax(logits), 1.0}};

  std::vector<TokenProbability> tokens;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isfinite(logits[i])) tokens.emplace_back(static_cast<int32_t>(i), logits[i]);
  }
  if (tokens.empty()) return {{argmax(logits), 1.0}};
  const size_t kept =
      options_.top_k > 0 ? std::min(tokens.size(), static_cast<size_t>(options_.top_k)) : tokens.size();
  std::partial_sort(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(kept), tokens.end(),
                    [](const auto& a, const auto& b) {
                      return a.second > b.second || (a.second == b.second && a.first < b.first);
                    });
  tokens.resize(kept);
  to_probabilities(tokens, options_.temperature > 0 ? options_.temperature : 1.0);
  if (options_.top_p > 0 && options_.top_p < 1) keep_top_p(tokens, options_.top_p);
  if (options_.min_p > 0) {
    const double least = options_.min_p * tokens.front().second;
    std::erase_if(tokens, [&](const TokenProbability& t) { return t.second < least; });
  }
  renormalize(tokens);
  return tokens;
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> previous) {
  if (options_.is_greedy() && options_.repetition_penalty == 1.0) return argmax(logits);
  const std::vector<TokenProbability> tokens = distribution(logits, previous);
  // 53 random bits give the same draw with every standard library.
  double draw = static_cast<double>(random_() >> 11) * 0x1p-53;
  for (const auto& [id, p] : tokens) {
    draw -= p;
    if (draw < 0) return id;
  }
  return tokens.back().first;
}

}  // namespace cobra
