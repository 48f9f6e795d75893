#include "base/fail.h"
#include "lm/mamba.h"

namespace cobra {
namespace {

int64_t tiles_of(const MambaConfig& c) { return (c.d_inner + kTileChannels - 1) / kTileChannels; }

/// Calls copy(tiled, official) with the indices of each value of a state [n_layer, d_inner, depth].
template <class Copy>
void for_each_value(const MambaConfig& c, int64_t depth, const Copy& copy) {
  int64_t official = 0;
  for (int64_t layer = 0; layer < c.n_layer; ++layer) {
    for (int64_t channel = 0; channel < c.d_inner; ++channel) {
      const int64_t tile = layer * tiles_of(c) + channel / kTileChannels;
      for (int64_t i = 0; i < depth; ++i, ++official) {
        copy((tile * depth + i) * kTileChannels + channel % kTileChannels, official);
      }
    }
  }
}

std::vector<float> export_state(const MambaConfig& c, int64_t depth, const AlignedBuffer<float>& tiled) {
  std::vector<float> out(static_cast<size_t>(int64_t{c.n_layer} * c.d_inner * depth));
  for_each_value(c, depth, [&](int64_t from, int64_t to) { out[static_cast<size_t>(to)] = tiled[from]; });
  return out;
}

void import_state(const MambaConfig& c, int64_t depth, const std::vector<float>& official,
                  AlignedBuffer<float>& tiled) {
  const int64_t expected = int64_t{c.n_layer} * c.d_inner * depth;
  check(std::ssize(official) == expected, "state: expected {} values, found {}", expected, official.size());
  for_each_value(c, depth,
                 [&](int64_t to, int64_t from) { tiled[to] = official[static_cast<size_t>(from)]; });
}

}  // namespace

MambaState::MambaState(const MambaConfig& config)
    : config_(config),
      conv_layer_(tiles_of(config) * config.d_conv * kTileChannels),
      ssm_layer_(tiles_of(config) * config.d_state * kTileChannels),
      conv_(conv_layer_ * config.n_layer),
      ssm_(ssm_layer_ * config.n_layer) {}

MambaState MambaState::clone() const {
  MambaState copy(config_);
  std::copy_n(conv_.data(), conv_.size(), copy.conv_.data());
  std::copy_n(ssm_.data(), ssm_.size(), copy.ssm_.data());
  copy.position = position;
  return copy;
}

std::vector<float> MambaState::export_conv() const { return export_state(config_, config_.d_conv, conv_); }
std::vector<float> MambaState::export_ssm() const { return export_state(config_, config_.d_state, ssm_); }

void MambaState::import(const std::vector<float>& conv, const std::vector<float>& ssm) {
  import_state(config_, config_.d_conv, conv, conv_);
  import_state(config_, config_.d_state, ssm, ssm_);
}

}  // namespace cobra
